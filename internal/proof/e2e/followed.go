package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/proof/e2e/fixture"
)

const (
	followedName    = "Followed"
	followedProject = "followed"
	// sweepPeriod is PLUGIN_REFRESH of the worker that sweeps in this part.
	sweepPeriod = 5 * time.Second
	// sweepSlack is how much longer a change may take on a busy machine: to see
	// that a sweep is due, to read, and to set the button.
	sweepSlack = 10 * time.Second
	// goneReadings is how many sweeps must find an issue deleted.
	goneReadings = 3
	// followedPushes: one issue changes, one is deleted, one stays as it is.
	followedPushes = 3
	followedLimit  = time.Minute
	stopLimit      = time.Minute
)

// follow changes one issue in Redmine and deletes another. The change must be on
// the button within a sweep. The deleted issue must not be replaced.
func (h *house) follow(ctx context.Context) error {
	if _, err := h.redmine.AddProject(ctx, followedProject); err != nil {
		return err
	}
	l := load{column: column{name: followedName, url: h.redmine.URL, project: followedProject}, project: followedProject, integrations: h.declared(), pushes: followedPushes}
	integration, err := h.declare(ctx, l)
	if err != nil {
		return err
	}
	entities, err := h.pushFollowed(ctx, integration)
	if err != nil {
		return err
	}
	// All workers have one period, so the ordinary ones make way.
	sweeper, err := h.replaceWorkers(ctx, "worker-refresh", map[string]string{"PLUGIN_REFRESH": sweepPeriod.String()})
	if err != nil {
		return err
	}
	result, err := h.fixture.Tool(ctx, h.settings(0), "pushes", "--integration", tenant+"/"+followedName, "refresh")
	if err == nil && result.Code != 0 {
		err = fmt.Errorf("plugin pushes refresh: exit code %d\n%s%s", result.Code, result.Stdout, result.Stderr)
	}
	if err != nil {
		return err
	}
	if err := h.changeStatus(ctx, integration, entities[0]); err != nil {
		return err
	}
	if err := h.deleteIssue(ctx, sweeper, integration, entities[1]); err != nil {
		return err
	}
	if result, err = h.doctor(ctx); err != nil {
		return err
	}
	if want := tenant + "/" + followedName + ": issues last read 20"; !strings.Contains(result.Stdout, want) {
		return fmt.Errorf("plugin doctor does not say %q:\n%s", want, result.Stdout)
	}
	_, err = h.replaceWorkers(ctx, "worker-after", nil)
	return err
}

// pushFollowed pushes the items of this part and waits until they are connected.
func (h *house) pushFollowed(ctx context.Context, integration string) ([]string, error) {
	entities := make([]pbfake.Entity, followedPushes)
	for i := range entities {
		entities[i] = pbfake.Entity{Type: "feature", Fields: map[string]any{"name": fmt.Sprintf("Followed %d", i), "description": "<p>Watch its issue.</p>"}}
	}
	ids, err := h.sandbox.AddEntities(ctx, entities)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := h.click(ctx, integration, id, pbfake.Push); err != nil {
			return nil, err
		}
	}
	return ids, h.quiet(ctx, followedLimit)
}

// replaceWorkers stops all workers and starts one in their place.
func (h *house) replaceWorkers(ctx context.Context, name string, env map[string]string) (*fixture.Plugin, error) {
	for _, w := range h.workers {
		if err := w.Stop(stopLimit); err != nil {
			return nil, err
		}
	}
	settings := h.settings(0)
	maps.Copy(settings, env)
	w, err := h.fixture.Plugin(ctx, fixture.RoleWorker, name, settings)
	if err != nil {
		return nil, err
	}
	h.workers = []*fixture.Plugin{w}
	return w, nil
}

// changeStatus gives an issue another status, and waits until its button shows it.
func (h *house) changeStatus(ctx context.Context, integration, entity string) error {
	button, path, err := h.issuePath(ctx, integration, entity)
	if err != nil {
		return err
	}
	var known struct {
		Statuses []redmineStatus `json:"issue_statuses"`
	}
	if err := h.redmine.Call(ctx, http.MethodGet, "/issue_statuses.json", nil, &known); err != nil {
		return err
	}
	status, err := otherStatus(known.Statuses, button.Label)
	if err != nil {
		return err
	}
	if err := h.redmine.Call(ctx, http.MethodPut, path, map[string]any{"issue": map[string]any{"status_id": status.ID}}, nil); err != nil {
		return err
	}
	changed := time.Now()
	// Redmine answers alike where its workflow does not allow the change.
	var read struct {
		Issue struct{ Status redmineStatus }
	}
	if err := h.redmine.Call(ctx, http.MethodGet, path, nil, &read); err != nil {
		return err
	}
	if read.Issue.Status.ID != status.ID {
		return fmt.Errorf("redmine did not change the status of %s to %s", path, status.Name)
	}
	err = poll(ctx, sweepPeriod+sweepSlack, func() error {
		now, err := h.button(ctx, integration, entity)
		if err == nil && (now.Name != pbfake.StateConnected || now.Label != status.Name) {
			err = fmt.Errorf("the button is %s and shows %q, and its issue is %s", now.Name, now.Label, status.Name)
		}
		return err
	})
	if err != nil {
		return err
	}
	h.say("a status that changed in Redmine (%s) was on the button after %.1f s; a sweep begins every %s", status.Name, time.Since(changed).Seconds(), sweepPeriod)
	return nil
}

// deleteIssue deletes an issue and waits for some sweeps. There must be no new
// issue. The button must show what it showed before, since a deletion counts only
// once two readings agree that are ten minutes apart.
func (h *house) deleteIssue(ctx context.Context, sweeper *fixture.Plugin, integration, entity string) error {
	before, path, err := h.issuePath(ctx, integration, entity)
	if err != nil {
		return err
	}
	issues, err := h.redmine.Issues(ctx, followedProject)
	if err != nil {
		return err
	}
	if err := h.redmine.Call(ctx, http.MethodDelete, path, nil, nil); err != nil {
		return err
	}
	err = poll(ctx, goneReadings*(sweepPeriod+sweepSlack), func() error {
		m, err := sweeper.Metrics(ctx)
		if err != nil {
			return err
		}
		if n := m.Sum("plugin_refresh_readings_total", `target="redmine"`, `verdict="gone"`); n < goneReadings {
			return fmt.Errorf("%g readings found the issue deleted, not %d", n, goneReadings)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := h.quiet(ctx, followedLimit); err != nil {
		return err
	}
	left, err := h.redmine.Issues(ctx, followedProject)
	if err != nil {
		return err
	}
	after, err := h.button(ctx, integration, entity)
	if err != nil {
		return err
	}
	var wrong verdict
	checkDeleted(&wrong, path, issues, left)
	if after != before {
		wrong.add("the button of the deleted issue was %+v and is %+v", before, after)
	}
	if err := wrong.err(); err != nil {
		return err
	}
	h.say("an issue that was deleted in Redmine was read %d times and is not replaced", goneReadings)
	return nil
}

// checkDeleted sees that the issues are those of before without the deleted one.
func checkDeleted(wrong *verdict, path string, before, after []fixture.Issue) {
	want := map[int]bool{}
	for _, i := range before {
		if issuePath(i.ID) != path {
			want[i.ID] = true
		}
	}
	for _, i := range after {
		if !want[i.ID] {
			wrong.add("there is an issue %d (%s) that should not be", i.ID, i.Subject)
		}
		delete(want, i.ID)
	}
	for id := range want {
		wrong.add("issue %d is gone as well", id)
	}
}

// redmineStatus is a status of issues.
type redmineStatus struct {
	ID     int
	Name   string
	Closed bool `json:"is_closed"`
}

// otherStatus returns an open status that the button does not show yet.
func otherStatus(known []redmineStatus, shown string) (redmineStatus, error) {
	for _, s := range known {
		if !s.Closed && s.Name != shown {
			return s, nil
		}
	}
	return redmineStatus{}, errors.New("redmine has no second status that is open")
}

// issuePath returns a button and the path of its issue in Redmine's REST API.
func (h *house) issuePath(ctx context.Context, integration, entity string) (pbfake.State, string, error) {
	button, err := h.button(ctx, integration, entity)
	if err != nil {
		return button, "", err
	}
	_, number, _ := strings.Cut(button.TargetURL, "/issues/")
	id, err := strconv.Atoi(number)
	if err != nil {
		return button, "", fmt.Errorf("the button is %s and leads to %q, which is no issue", button.Name, button.TargetURL)
	}
	return button, issuePath(id), nil
}

func issuePath(id int) string { return fmt.Sprintf("/issues/%d.json", id) }

func (h *house) button(ctx context.Context, integration, entity string) (pbfake.State, error) {
	buttons, err := h.sandbox.Connections(ctx, integration)
	if err != nil {
		return pbfake.State{}, err
	}
	for _, b := range buttons {
		if b.EntityID == entity {
			return b.State, nil
		}
	}
	return pbfake.State{}, fmt.Errorf("the button of %s is initial", entity)
}
