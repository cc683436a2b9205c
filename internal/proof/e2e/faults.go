package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"pushbutton/internal/pbapi/pbfake"
)

const (
	// sharedName is the integration and the project of the mishaps that
	// concern one item alone.
	sharedName = "shared"
	// revocable is the first token of the integration whose token is revoked.
	revocable   = "revocable-token"
	renewed     = "renewed-token"
	tokenEnv    = "PB_REVOCABLE"
	faultsLimit = 5 * time.Minute
)

// faulty is the part of a run in which things go wrong, all at the same time.
type faulty struct {
	*house
	proxy *proxy
	// alone are the proxies of mishaps that take a whole server away.
	alone  map[string]*proxy
	shared []trouble
}

// victim is the item to which a mishap happens.
type victim struct {
	mishap
	name, entity, integration string
	clicked                   time.Time
}

func (v *victim) column() string {
	if v.own {
		return v.id
	}
	return sharedName
}

// row is a line of docs/errors.md.
type row struct{ happens, says, mends, recovers string }

// faults makes everything go wrong, and returns what the buttons say then.
func (h *house) faults(ctx context.Context) ([]row, error) {
	f := &faulty{house: h, alone: map[string]*proxy{}}
	defer f.end()
	var victims []*victim
	for _, m := range slices.Concat(trackerMishaps(), productboardMishaps()) {
		victims = append(victims, &victim{mishap: m, name: "Mishap " + m.id})
	}
	if err := f.declare(ctx, victims); err != nil {
		return nil, err
	}
	for _, v := range victims {
		if err := v.begin(ctx, f, v); err != nil {
			return nil, fmt.Errorf("%s: %w", v.id, err)
		}
	}
	f.proxy.on(sharedName, inTurn(f.shared...))
	h.say("%d pushes, each with a trouble of its own", len(victims))
	if err := f.push(ctx, victims); err != nil {
		return nil, err
	}
	if err := h.quiet(ctx, faultsLimit); err != nil {
		return nil, err
	}
	rows, err := f.outcome(ctx, victims)
	if err != nil {
		return nil, err
	}
	return rows, f.doctorFinds(ctx)
}

func (f *faulty) end() {
	for _, p := range f.alone {
		_ = p.close()
	}
	if f.proxy != nil {
		_ = f.proxy.close()
	}
}

// declare makes items, projects, proxies and integrations, all of them good.
func (f *faulty) declare(ctx context.Context, victims []*victim) (err error) {
	if f.proxy, err = newProxy(ctx, f.redmine.URL, ""); err != nil {
		return err
	}
	entities := make([]pbfake.Entity, len(victims))
	columns := []column{{name: sharedName, url: f.proxy.url(sharedName), project: sharedName}}
	for i, v := range victims {
		entities[i] = pbfake.Entity{Type: "feature", Fields: map[string]any{"name": v.name, "description": "<p>What happens: " + v.happens + ".</p>"}}
		if !v.own {
			continue
		}
		c := column{name: v.id, url: f.proxy.url(v.id), project: v.id}
		if strings.HasPrefix(v.id, "redmine-") {
			if f.alone[v.id], err = newProxy(ctx, f.redmine.URL, ""); err != nil {
				return err
			}
			c.url = f.alone[v.id].url(v.id)
		}
		if v.id == "token-revoked" {
			c.token = "env:" + tokenEnv
		}
		columns = append(columns, c)
	}
	for _, c := range columns {
		if _, err := f.redmine.AddProject(ctx, c.project); err != nil {
			return err
		}
	}
	ids, err := f.sandbox.AddEntities(ctx, entities)
	if err != nil {
		return err
	}
	if err := f.sandbox.AddToken(ctx, revocable); err != nil {
		return err
	}
	f.say("declaring %d integrations", len(columns))
	if err := f.applyFile("faults.yaml", columns...); err != nil {
		return err
	}
	if _, err := f.apply(ctx, "faults.yaml", map[string]string{tokenEnv: revocable}); err != nil {
		return err
	}
	registered, err := f.registered(ctx)
	if err != nil {
		return err
	}
	for i, v := range victims {
		v.entity, v.integration = ids[i], registered[v.column()]
	}
	return nil
}

// push clicks all buttons at once.
func (f *faulty) push(ctx context.Context, victims []*victim) error {
	people, ctx := errgroup.WithContext(ctx)
	for _, v := range victims {
		people.Go(func() error {
			v.clicked = time.Now()
			err := f.click(ctx, v.integration, v.entity, pbfake.Push)
			if err == nil && v.meanwhile != nil {
				err = v.meanwhile(ctx, f, v)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", v.id, err)
			}
			return nil
		})
	}
	return people.Wait()
}

// outcome compares how every push ended with how it should.
func (f *faulty) outcome(ctx context.Context, victims []*victim) ([]row, error) {
	buttons, err := f.sandbox.Connections(ctx, "")
	if err != nil {
		return nil, err
	}
	states := map[string]pbfake.Connection{}
	for _, b := range buttons {
		states[b.EntityID] = b
	}
	issues, err := f.redmine.AllIssues(ctx)
	if err != nil {
		return nil, err
	}
	made := map[string]int{}
	for _, i := range issues {
		made[i.Subject]++
	}
	var wrong verdict
	var rows []row
	table := tabwriter.NewWriter(f.out, 0, 0, 2, ' ', 0)
	for _, v := range victims {
		button := states[v.entity]
		v.check(&wrong, button.State, made[v.name])
		rows = append(rows, v.row(button.State))
		_, _ = fmt.Fprintf(table, "  %s\t%s\tafter %.1fs\t%d issues\n", v.id, button.State.Name, button.UpdatedAt.Sub(v.clicked).Seconds(), made[v.name])
	}
	_ = table.Flush()
	return rows, wrong.err()
}

// check holds an outcome to what was expected.
func (v *victim) check(wrong *verdict, s pbfake.State, issues int) {
	if issues != v.issues {
		wrong.add("%s: %d issues, not %d", v.id, issues, v.issues)
	}
	checkLimits(wrong, v.id, s)
	if len(v.says) == 0 {
		if s.Name != pbfake.StateConnected {
			wrong.add("%s: the button is %q (%s), it did not recover", v.id, s.Name, s.Message)
		}
		return
	}
	if s.Name != pbfake.StateError {
		wrong.add("%s: the button is %q, not error", v.id, s.Name)
	}
	for _, part := range v.says {
		if !strings.Contains(s.Message, part) {
			wrong.add("%s: the button does not say %q: %s", v.id, part, s.Message)
		}
	}
}

func (v *victim) row(s pbfake.State) row {
	r := row{happens: v.happens, says: s.Message, mends: v.mends, recovers: "no"}
	if s.Name == pbfake.StateConnected {
		r.says, r.recovers = "(connected, as always)", "yes"
	}
	return r
}

// doctorFinds runs `plugin doctor` while things are still wrong.
func (f *faulty) doctorFinds(ctx context.Context) error {
	result, err := f.doctor(ctx)
	if err != nil {
		return err
	}
	var wrong verdict
	if result.Code != 1 {
		wrong.add("plugin doctor: exit code %d, not 1", result.Code)
	}
	for _, id := range []string{"key-revoked", "project-deleted", "project-closed", "field-required", "marker-field-gone", "redmine-down"} {
		if !strings.Contains(result.Stdout, "FAIL  "+tenant+"/"+id+": redmine: ") {
			wrong.add("plugin doctor does not find what is wrong with %s", id)
		}
	}
	for _, id := range []string{"token-revoked", "redmine-restarts"} { // mended
		if !strings.Contains(result.Stdout, "ok    "+tenant+"/"+id+": redmine") {
			wrong.add("plugin doctor finds something wrong with %s", id)
		}
	}
	if err := wrong.err(); err != nil {
		return fmt.Errorf("%w\n%s", err, result.Stdout)
	}
	f.say("plugin doctor finds what is wrong with each integration")
	return nil
}

// require makes the seed's required field a field of a project.
func (h *house) require(ctx context.Context, project string) error {
	return h.redmine.Call(ctx, http.MethodPut, "/projects/"+project+".json", map[string]any{
		"project": map[string]any{"issue_custom_field_ids": []int{h.redmine.RequiredField}},
	}, nil)
}

// deleteProject returns when the project is gone: Redmine deletes in the
// background.
func deleteProject(ctx context.Context, f *faulty, v *victim) error {
	path := "/projects/" + v.id + ".json"
	if err := f.redmine.Call(ctx, http.MethodDelete, path, nil, nil); err != nil {
		return err
	}
	return poll(ctx, openTimeout, func() error {
		if f.redmine.Call(ctx, http.MethodGet, path, nil, nil) == nil {
			return errors.New("the project is still there")
		}
		return nil
	})
}

// restart brings a server back after a while.
func restart(ctx context.Context, f *faulty, v *victim) error {
	timer := time.NewTimer(briefly)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	back, err := newProxy(ctx, f.redmine.URL, f.alone[v.id].ln.Addr().String())
	if err == nil {
		f.alone[v.id] = back
	}
	return err
}

// clickAgain clicks until the button says what is wrong. The push waits for
// the credential and the button with it; who clicks meanwhile is told.
func clickAgain(ctx context.Context, f *faulty, v *victim) error {
	return poll(ctx, openTimeout, func() error {
		a, err := f.sandbox.Click(ctx, v.integration, v.entity, pbfake.Push)
		if err != nil {
			return err
		}
		if a.Failure != "" || a.State.Name != pbfake.StateError {
			return fmt.Errorf("a click is answered %q (%s), not with the credential that does not work", a.State.Name, a.Failure)
		}
		return nil
	})
}

// giveUp unlinks the push that waits for a credential, and pushes again while
// it still does not work: that one waits for nothing.
func giveUp(ctx context.Context, f *faulty, v *victim) error {
	if err := clickAgain(ctx, f, v); err != nil {
		return err
	}
	if err := f.click(ctx, v.integration, v.entity, pbfake.Unlink); err != nil {
		return err
	}
	return clickAgain(ctx, f, v)
}

// renewToken waits until the plugin was refused, and then gives it a new
// token as an admin does: in the file, by plugin apply.
func renewToken(ctx context.Context, f *faulty, v *victim) error {
	if err := clickAgain(ctx, f, v); err != nil {
		return err
	}
	if err := f.sandbox.AddToken(ctx, renewed); err != nil {
		return err
	}
	const file = "renewed.yaml"
	if err := f.applyFile(file, column{name: v.id, url: f.proxy.url(v.id), project: v.id, token: "env:" + tokenEnv}); err != nil {
		return err
	}
	_, err := f.apply(ctx, file, map[string]string{tokenEnv: renewed})
	return err
}
