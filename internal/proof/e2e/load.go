package main

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/proof/e2e/fixture"
)

const (
	// clickers is how many people click at a time.
	clickers  = 16
	loadLimit = 4 * time.Minute
)

// load is many pushes through one integration: of so many pushes the first
// are double clicks, the next are unlinked and pushed again; the large
// descriptions are spread over all.
type load struct {
	column  column
	project string // where its issues are
	// integrations is how many there are at Productboard once it is declared.
	integrations                         int
	pushes, doubled, pushedAgain, larges int
}

// declared is how many integrations the loads before this one have left at
// Productboard, and this one.
func (h *house) declared() int {
	h.loads++
	return h.loads
}

// mainLoad goes through Redmine's own adapter.
func (h *house) mainLoad() load {
	return load{column: column{name: mainName, url: h.redmine.URL, project: h.redmine.Project}, project: h.redmine.Project, integrations: h.declared(),
		pushes: 200, doubled: 20, pushedAgain: 20, larges: 10}
}

// describedLoad goes through the target http, which a description alone tells
// how to speak with Redmine.
func (h *house) describedLoad(ctx context.Context) (load, error) {
	const name, project, feature = "Described", "described", 2
	id, err := h.redmine.AddProject(ctx, project)
	if err != nil {
		return load{}, err
	}
	target := fmt.Sprintf("          type: http\n          settings:\n            preset: redmine\n            vars: { url: %q, project: %s, projectId: %d, trackerId: %d, markerField: %d }\n",
		h.redmine.URL, project, id, feature, h.redmine.MarkerField)
	return load{column: column{name: name, target: target}, project: project, integrations: h.declared(), pushes: 30, doubled: 4, pushedAgain: 4, larges: 3}, nil
}

// format is a text format: Redmine's name of it, and the setting's.
type format struct{ name, redmine, setting string }

// formatLoad goes through Redmine's own adapter into a project of its own.
func (h *house) formatLoad(ctx context.Context, f format) (load, error) {
	if _, err := h.redmine.AddProject(ctx, f.setting); err != nil {
		return load{}, err
	}
	target := fmt.Sprintf("          type: redmine\n          settings: { url: %q, project: %s, tracker: Feature, textFormat: %s }\n", h.redmine.URL, f.setting, f.setting)
	return load{column: column{name: f.name, target: target}, project: f.setting, integrations: h.declared(), pushes: 8, doubled: 1, pushedAgain: 1, larges: 2}, nil
}

// formats changes Redmine's text format under the running plugin, pushes in it,
// and changes it back. Then `plugin doctor` must tell that it was changed.
func (h *house) formats(ctx context.Context) error {
	all := []format{{"Redcarpet", "markdown", "markdown"}, {"CommonMark", "common_mark", "commonmark"}}
	for _, f := range all {
		if err := h.redmine.SetTextFormat(ctx, f.redmine); err != nil {
			return err
		}
		l, err := h.formatLoad(ctx, f)
		if err != nil {
			return err
		}
		if err := h.load(ctx, l); err != nil {
			return err
		}
	}
	if err := h.redmine.SetTextFormat(ctx, "textile"); err != nil {
		return err
	}
	result, err := h.doctor(ctx)
	if err != nil {
		return err
	}
	for _, f := range all {
		want := fmt.Sprintf("%s/%s: redmine: Redmine's text format (Administration > Settings > General) is not %s. Ask your admin to set settings.textFormat to textile.", tenant, f.name, f.setting)
		if result.Code == 0 || !strings.Contains(result.Stdout, want) {
			return fmt.Errorf("plugin doctor does not say %q: exit code %d\n%s", want, result.Code, result.Stdout)
		}
	}
	h.say("plugin doctor tells that Redmine's text format was changed")
	return nil
}

// pushed is an item of the load.
type pushed struct {
	id    string
	name  string
	words string // the description's last
	// shows is what a page has in it that shows the description as rich text.
	shows []string
	// generations is how many issues it must have.
	generations int
}

// load pushes, and checks what came of it.
func (h *house) load(ctx context.Context, l load) error {
	integration, err := h.declare(ctx, l)
	if err != nil {
		return err
	}
	items, err := h.items(ctx, l)
	if err != nil {
		return err
	}
	earlier, err := h.calls(ctx)
	if err != nil {
		return err
	}
	_, before, err := h.sandbox.Journal(ctx, 0)
	if err != nil {
		return err
	}
	h.say("%s: pushing %d items of %d types", l.column.name, len(items), len(types()))
	if err := h.clickAll(ctx, l, integration, items); err != nil {
		return err
	}
	h.say("all are connected; checking")
	seen, err := h.checkLoad(ctx, l, integration, items, before)
	if err != nil {
		return err
	}
	for op, n := range earlier {
		seen.redmine[op] -= n
	}
	seen.write(h.out, l)
	return seen.wrong.err()
}

// declare applies a file twice: the second time nothing changes.
func (h *house) declare(ctx context.Context, l load) (integration string, err error) {
	file, name := strings.ToLower(l.column.name)+".yaml", l.column.name
	if err := h.applyFile(file, l.column); err != nil {
		return "", err
	}
	for _, want := range []string{"created", "unchanged"} {
		printed, err := h.apply(ctx, file, nil)
		if err != nil {
			return "", err
		}
		if !strings.Contains(printed, tenant+"/"+name+": "+want) {
			return "", fmt.Errorf("plugin apply says, in place of %q:\n%s", want, printed)
		}
	}
	ids, err := h.registered(ctx)
	if err == nil && (len(ids) != l.integrations || ids[name] == "") {
		err = fmt.Errorf("productboard has the integrations %v after two applies of %s, not %d", ids, name, l.integrations)
	}
	return ids[name], err
}

func (h *house) items(ctx context.Context, l load) ([]pushed, error) {
	entities := make([]pbfake.Entity, l.pushes)
	items := make([]pushed, l.pushes)
	for i := range entities {
		entities[i] = item(i, i%(l.pushes/l.larges) == 0)
		items[i] = pushed{name: entities[i].Name(), words: lastWords(i), shows: shown(i, i%(l.pushes/l.larges) == 0), generations: 1}
	}
	ids, err := h.sandbox.AddEntities(ctx, entities)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		items[i].id = id
	}
	return items, nil
}

// clickAll makes all clicks and waits for quiet.
func (h *house) clickAll(ctx context.Context, l load, integration string, items []pushed) error {
	again := items[l.doubled : l.doubled+l.pushedAgain]
	rounds := []func(context.Context, pushed, int) error{
		func(ctx context.Context, it pushed, i int) error {
			if i < l.doubled {
				return h.doubleClick(ctx, integration, it)
			}
			return h.click(ctx, integration, it.id, pbfake.Push)
		},
		func(ctx context.Context, it pushed, _ int) error {
			return h.click(ctx, integration, it.id, pbfake.Unlink)
		},
		func(ctx context.Context, it pushed, _ int) error {
			return h.click(ctx, integration, it.id, pbfake.Push)
		},
	}
	for n, round := range rounds {
		of := again
		if n == 0 {
			of = items
		}
		people, pctx := errgroup.WithContext(ctx)
		people.SetLimit(clickers)
		for i, it := range of {
			people.Go(func() error { return round(pctx, it, i) })
		}
		if err := people.Wait(); err != nil {
			return err
		}
		if n == 1 {
			continue // whoever unlinks by mistake pushes again at once
		}
		if err := h.quiet(ctx, loadLimit); err != nil {
			return err
		}
	}
	for i := range again {
		again[i].generations++
	}
	return nil
}

func (h *house) doubleClick(ctx context.Context, integration string, it pushed) error {
	var both errgroup.Group
	for range 2 {
		both.Go(func() error { return h.click(ctx, integration, it.id, pbfake.Push) })
	}
	return both.Wait()
}

// click clicks, and expects the answer that this trigger has.
func (h *house) click(ctx context.Context, integration, entity string, trigger pbfake.Trigger) error {
	a, err := h.sandbox.Click(ctx, integration, entity, trigger)
	if err != nil {
		return err
	}
	want := pbfake.StateInitial
	if trigger == pbfake.Push {
		want = pbfake.StateProgress
	}
	if a.Failure != "" || a.State.Name != want {
		return fmt.Errorf("%s of %s was answered %q after %.0f ms (%s), not %q", trigger, entity, a.State.Name, a.TookMS, a.Failure, want)
	}
	return nil
}

// doctorPasses runs `plugin doctor`, which must find nothing wrong.
func (h *house) doctorPasses(ctx context.Context) error {
	result, err := h.doctor(ctx)
	if err != nil {
		return err
	}
	if result.Code != 0 {
		return fmt.Errorf("plugin doctor: exit code %d\n%s%s", result.Code, result.Stdout, result.Stderr)
	}
	h.say("plugin doctor finds nothing wrong")
	return nil
}

func (h *house) doctor(ctx context.Context) (fixture.Result, error) {
	settings := h.settings(0)
	maps.Copy(settings, h.edge.Settings())
	return h.fixture.Tool(ctx, settings, "doctor")
}
