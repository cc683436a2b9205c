package asana

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	found, err := d.task(ctx, id)
	if err != nil {
		return targets.Issue{}, err
	}
	return d.toIssue(res, found), nil
}

// ReadManyLimit implements targets.ManyReader.
func (d *driver) ReadManyLimit() int { return maxActions }

// ReadMany implements targets.ManyReader. Asana answers each action of a batch
// with a status of its own. A task whose action failed is left out. So are all
// where the batch itself is forbidden: Asana names no scope for it, so a token
// that may read tasks may lack it.
func (d *driver) ReadMany(ctx context.Context, ids []string) ([]targets.Issue, error) {
	const op = "read tasks"
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return nil, err
	}
	var in batch
	for _, id := range ids {
		if isGID(id) {
			in.Actions = append(in.Actions, action{Path: "/tasks/" + id, Method: "get", Options: actionOptions{Fields: summaryFields()}})
		}
	}
	if len(in.Actions) == 0 {
		return nil, nil
	}
	var results []actionResult
	err = d.query(ctx, op, "/batch", in, wire.List(&results, maxActions))
	switch {
	case err != nil && fault.KindOf(err) == fault.Forbidden:
		return nil, nil
	case err != nil:
		return nil, err
	}
	if results == nil {
		return nil, notAsana(op, errors.New("the answer holds no list"))
	}
	var out []targets.Issue
	for _, r := range results {
		if r.Status == http.StatusOK && r.Body.Data.GID != "" {
			out = append(out, d.toIssue(res, r.Body.Data))
		}
	}
	return out, nil
}

// Resolve implements targets.Resolver. Addresses have several forms, and a
// task's id is its own in all of Asana.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	id := ref.Key() + ref.After("task")
	if id == "" {
		id = ref.After(d.cfg.project) // /0/PROJECT/TASK
	}
	ref.AnyPlace()
	return d.Read(ctx, id)
}

func (d *driver) task(ctx context.Context, id string, more ...string) (task, error) {
	const op = "read task"
	var found task
	if !isGID(id) {
		return found, wire.UnknownID(op, name, taskName(id))
	}
	query := summary()
	if len(more) > 0 {
		query.Set("opt_fields", query.Get("opt_fields")+","+strings.Join(more, ","))
	}
	if err := d.get(ctx, op, "/tasks/"+id, query, wire.Answer{Into: &found, Bound: outbound.One().WithTexts(1, maxNotes)}); err != nil {
		return found, d.explain(ctx, op, id, err)
	}
	if found.GID == "" {
		return found, notAsana(op, errNoTask)
	}
	return found, nil
}

// summary asks for what an Issue is made of.
func summary() url.Values { return asking(summaryFields()...) }

func summaryFields() []string {
	return []string{"name", "completed", "permalink_url", "memberships.project", "memberships.section", "memberships.section.name",
		"custom_fields.enum_value.name", "custom_fields.enum_value.color"}
}

func taskName(id string) string { return "task " + text.Title(id, 20) }

// toIssue converts a task to the shared form. A completed one is done; until then
// it has started once it has left the section where new ones go.
func (d *driver) toIssue(res *resolved, t task) targets.Issue {
	out := targets.Issue{ID: t.GID, Key: t.GID, URL: d.cfg.url + "/0/" + d.cfg.project + "/" + t.GID, Title: t.Name, Status: "Incomplete"}
	if strings.HasPrefix(t.Link, d.cfg.url+"/") {
		out.URL = t.Link
	}
	first := res.section
	if first == "" && len(res.sections) > 0 {
		first = res.sections[0].GID
	}
	for _, m := range t.Members {
		if m.Project.GID == d.cfg.project && m.Section.Name != "" {
			out.Status = m.Section.Name
			if m.Section.GID != first {
				out.Progress = targets.Started
			}
		}
	}
	if res.status != "" {
		out.Status, out.Progress = "Incomplete", targets.Open
		for _, f := range t.Fields {
			if f.GID == res.status && f.Enum != nil {
				out.Status, out.Color, out.Progress = f.Enum.Name, color(f.Enum.Color), targets.Started
			}
		}
	}
	if t.Completed {
		out.Status, out.Color, out.Progress = "Completed", "", targets.Done
	}
	return out
}

// color maps the colours of Asana's options to the button's.
func color(asana string) string {
	switch asana {
	case "red", "hot-pink", "pink":
		return "red"
	case "orange", "yellow-orange":
		return "orange"
	case "yellow":
		return "yellow"
	case "yellow-green", "green", "blue-green":
		return "green"
	case "aqua", "blue":
		return "blue"
	case "indigo", "purple", "magenta":
		return "purple"
	case "cool-gray":
		return "gray"
	default: // none
		return ""
	}
}
