// Package asana pushes to a project of Asana, as a task.
//
// Our marker is the last line of the task's description; for an OAuth app it
// is the task's external id as well. Without an app there is no place that
// Asana can look up at once (its search lags by a minute), so the project's
// tasks are read through.
//
// What must not live here: anything that holds for other trackers as well.
package asana

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

const (
	name = "Asana"
	// maxName and maxNotes are what Asana was seen to take by others; it
	// publishes neither. Notes are in bytes, markup included.
	maxName  = 1000
	maxNotes = 65_000
)

var errNoTask = errors.New("the answer names no task") //nolint:gochecknoglobals // a constant

type driver struct {
	client
	planner *planner
}

func newDriver(cfg config, http *outbound.Client) *driver {
	c := client{http: http, cfg: cfg}
	return &driver{client: c, planner: &planner{client: c}}
}

// Traits implements targets.Driver.
func (d *driver) Traits() targets.Traits {
	t := targets.Traits{Name: name, Limits: targets.Limits{Title: maxName, Description: maxNotes}, Lookup: targets.LookupExact, Place: "project " + d.cfg.project}
	if !d.cfg.oauth {
		t.Lookup = targets.LookupScan
		t.Caveat = "Asana: a push whose outcome is not known is looked for among the tasks that changed in the last 30 days, at most 3,000; with an OAuth app's token it is found at once."
	}
	return t
}

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.planner.forget()
	p, err := d.planner.get(ctx)
	if err != nil {
		return err
	}
	// The permission to read tasks is one of its own.
	if _, _, err := list[task](ctx, d.client, "list tasks", "/tasks", url.Values{"project": {d.cfg.project}}, 1, 1); err != nil {
		return err
	}
	if d.cfg.parent != "" {
		if _, err := d.task(ctx, d.cfg.parent); err != nil {
			if kind := fault.KindOf(err); kind == fault.NotFound || kind == fault.Gone {
				return invalid("read parent", "Asana does not have the parent task %s, or does not show it to the token's account. Ask your admin to correct settings.parent.", d.cfg.parent)
			}
			return err
		}
	}
	_, _, err = d.planner.tagsFor(ctx, p, []string{"check"})
	return err
}

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	const op = "create task"
	p, err := d.planner.get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	tags, unknown, err := d.planner.tagsFor(ctx, p, draft.Labels)
	if err != nil {
		return targets.Issue{}, err
	}
	t := write{Type: d.cfg.typ, Tags: tags, Parent: d.cfg.parent}
	d.texts(&t, draft, draft.Marker, unknown)
	if p.section != "" {
		t.Memberships = []membership{{Project: d.cfg.project, Section: p.section}}
	} else {
		t.Projects = []string{d.cfg.project}
	}
	if d.cfg.oauth {
		t.External = &external{GID: string(draft.Marker)}
	}
	var made task
	if err := d.change(ctx, op, http.MethodPost, "/tasks", summary(), t, &made); err != nil {
		if remembered(err) {
			d.planner.forget() // the project has changed
			return targets.Issue{}, targets.Stale(err)
		}
		return targets.Issue{}, err
	}
	if made.GID == "" {
		return targets.Issue{}, wire.Unreadable(op, errNoTask)
	}
	return d.portable(p, made), nil
}

// texts fills in what create and update have in common.
func (d *driver) texts(t *write, draft targets.Draft, marker targets.Marker, labels []string) {
	t.Name, t.Assignee = draft.Title, draft.Assignee
	fill(t, draft.Fields)
	t.Notes = written(draft, marker, labels)
}

// Render implements targets.Renderer. Labels become tags as far as there are
// such tags; which of them go into the text is seen when the task is made.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return written(draft, draft.Marker, nil), text.FormatAsana
}

func written(draft targets.Draft, marker targets.Marker, labels []string) string {
	return draft.Render(maxNotes, func(s string) int { return len(s) }, func(doc richtext.Doc) string {
		if len(labels) > 0 {
			doc = doc.Append(richtext.Paragraph(richtext.Text("Labels: " + strings.Join(labels, ", "))))
		}
		return withReference(doc, marker).AsanaXML()
	})
}

// summary asks for what an Issue is made of.
func summary() url.Values {
	return asking("name", "completed", "permalink_url", "memberships.project", "memberships.section", "memberships.section.name",
		"custom_fields.enum_value.name", "custom_fields.enum_value.color")
}

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	p, err := d.planner.get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	found, err := d.task(ctx, id)
	if err != nil {
		return targets.Issue{}, err
	}
	return d.portable(p, found), nil
}

func (d *driver) task(ctx context.Context, id string, more ...string) (task, error) {
	const op = "read task"
	var found task
	if !isGID(id) {
		return found, wire.UnknownID(op, name, taskNamed(id))
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

// explain looks closer at a task that Asana does not return. A task that the
// account may not see is 403, a deleted one 404; the project's list proves that
// tasks can be read there.
func (d *driver) explain(ctx context.Context, op, id string, err error) error {
	var said *refusedError
	return wire.Absence{Op: op, Tracker: name, Issue: taskNamed(id), Account: "the token's account",
		Said: errors.As(err, &said) && strings.HasPrefix(said.message, "task: Unknown object"),
		Prove: func(ctx context.Context) error {
			_, _, err := list[task](ctx, d.client, "list tasks", "/tasks", url.Values{"project": {d.cfg.project}}, 1, 1)
			return err
		}}.Explain(ctx, err)
}

func taskNamed(id string) string { return "task " + text.Title(id, 20) }

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

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, text string) error {
	return d.touch(ctx, "comment on task", http.MethodPost, id, "/stories", comment{Text: text}, nil)
}

// Close implements targets.Closer; completing a completed one changes nothing.
func (d *driver) Close(ctx context.Context, id string) error {
	return d.touch(ctx, "complete task", http.MethodPut, id, "", write{Completed: true}, nil)
}

// Update implements targets.Updater. The reference that the task carries
// stays, and so do its tags.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	const op = "update task"
	p, err := d.planner.get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	found, err := d.task(ctx, id, "notes", "tags")
	if err != nil {
		return targets.Issue{}, err
	}
	tags, unknown, err := d.planner.tagsFor(ctx, p, draft.Labels)
	if err != nil {
		return targets.Issue{}, err
	}
	marker := referenceIn(found.Notes)
	if marker == "" {
		marker = draft.Marker
	}
	var t write
	d.texts(&t, draft, marker, unknown)
	var changed task
	if err := d.touch(ctx, op, http.MethodPut, id, "", t, &changed); err != nil {
		return targets.Issue{}, err
	}
	for _, tag := range tags { // an update takes no tags
		if slices.ContainsFunc(found.Tags, func(have named) bool { return have.GID == tag }) {
			continue
		}
		if err := d.touch(ctx, op, http.MethodPost, id, "/addTag", tagged{Tag: tag}, nil); err != nil {
			return targets.Issue{}, err
		}
	}
	if changed.GID == "" {
		return targets.Issue{}, wire.Unreadable(op, errNoTask)
	}
	return d.portable(p, changed), nil
}

// touch changes a task that exists.
func (d *driver) touch(ctx context.Context, op, method, id, path string, data, out any) error {
	if !isGID(id) {
		return wire.UnknownID(op, name, taskNamed(id))
	}
	var query url.Values
	if out != nil {
		query = summary()
	}
	return d.explain(ctx, op, id, d.change(ctx, op, method, "/tasks/"+id+path, query, data, out))
}

// portable is a task in everybody's words. A completed one is done; until then
// it has started once it has left the section where new ones go.
func (d *driver) portable(p *plan, t task) targets.Issue {
	out := targets.Issue{ID: t.GID, Key: t.GID, URL: d.cfg.url + "/0/" + d.cfg.project + "/" + t.GID, Title: t.Name, Status: "Incomplete"}
	if strings.HasPrefix(t.Link, d.cfg.url+"/") {
		out.URL = t.Link
	}
	first := p.section
	if first == "" && len(p.sections) > 0 {
		first = p.sections[0].GID
	}
	for _, m := range t.Members {
		if m.Project.GID == d.cfg.project && m.Section.Name != "" {
			out.Status = m.Section.Name
			if m.Section.GID != first {
				out.Progress = targets.Started
			}
		}
	}
	if p.status != "" {
		out.Status, out.Progress = "Incomplete", targets.Open
		for _, f := range t.Fields {
			if f.GID == p.status && f.Enum != nil {
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

// escape is one segment of a path.
func escape(s string) string { return url.PathEscape(s) }
