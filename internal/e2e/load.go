package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"pushbutton/internal/e2e/stage"
	"pushbutton/internal/pbapi/pbfake"
)

// The load: of so many pushes the first are double clicks, the next are
// unlinked and pushed again; the large descriptions are spread over all.
const (
	pushes      = 200
	doubled     = 20
	pushedAgain = 20
	largeOnes   = 10

	// clickers is how many people click at a time.
	clickers  = 16
	loadLimit = 4 * time.Minute
)

// pushed is an item of the load.
type pushed struct {
	id    string
	name  string
	words string // the description's last
	// generations is how many issues it must have.
	generations int
}

// load pushes, and checks what came of it.
func (h *house) load(ctx context.Context) error {
	integration, err := h.declare(ctx)
	if err != nil {
		return err
	}
	items, err := h.items(ctx)
	if err != nil {
		return err
	}
	_, before, err := h.sandbox.Journal(ctx, 0)
	if err != nil {
		return err
	}
	h.say("pushing %d items of %d types", len(items), len(types()))
	if err := h.clickAll(ctx, integration, items); err != nil {
		return err
	}
	h.say("all are connected; checking")
	seen, err := h.checkLoad(ctx, integration, items, before)
	if err != nil {
		return err
	}
	seen.write(h.out)
	if err := seen.wrong.err(); err != nil {
		return err
	}
	return h.doctorPasses(ctx)
}

// declare applies a file twice: the second time nothing changes.
func (h *house) declare(ctx context.Context) (integration string, err error) {
	const file = "main.yaml"
	if err := h.applyFile(file, column{name: mainName, url: h.redmine.URL, project: h.redmine.Project}); err != nil {
		return "", err
	}
	for _, want := range []string{"created", "unchanged"} {
		printed, err := h.apply(ctx, file, nil)
		if err != nil {
			return "", err
		}
		if !strings.Contains(printed, tenant+"/"+mainName+": "+want) {
			return "", fmt.Errorf("plugin apply says, in place of %q:\n%s", want, printed)
		}
	}
	ids, err := h.registered(ctx)
	if err == nil && (len(ids) != 1 || ids[mainName] == "") {
		err = fmt.Errorf("productboard has the integrations %v after two applies, not %s alone", ids, mainName)
	}
	return ids[mainName], err
}

func (h *house) items(ctx context.Context) ([]pushed, error) {
	entities := make([]pbfake.Entity, pushes)
	items := make([]pushed, pushes)
	for i := range entities {
		entities[i] = item(i, i%(pushes/largeOnes) == 0)
		items[i] = pushed{name: entities[i].Name(), words: lastWords(i), generations: 1}
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
func (h *house) clickAll(ctx context.Context, integration string, items []pushed) error {
	again := items[doubled : doubled+pushedAgain]
	rounds := []func(context.Context, pushed, int) error{
		func(ctx context.Context, it pushed, i int) error {
			if i < doubled {
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

func (h *house) doctor(ctx context.Context) (stage.Result, error) {
	settings := h.settings(0)
	for k, v := range h.edge.Settings() {
		settings[k] = v
	}
	return h.stage.Tool(ctx, settings, "doctor")
}
