// Package shortcut pushes to a Shortcut workspace, as a story (API v3).
//
// Our marker is the story's external id, and part of one of its external
// links: Shortcut looks stories up by both. The other link leads to the entity
// in Productboard.
//
// What must not live here: anything that holds for other trackers as well.
package shortcut

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

const (
	name = "Shortcut"
	// maxName, maxDescription and maxLabel are the published schema's.
	maxName        = 512
	maxDescription = 100_000
	maxLabel       = 128
	// consistency is caution: Shortcut does not say that its look-ups see a
	// story at once.
	consistency = 5 * time.Second
	// markerLink and the marker make an external link, which must be an address.
	markerLink = "https://app.productboard.com/?push="
	typeDone   = "done"
)

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
	t := targets.Traits{Name: name, Limits: targets.Limits{Title: maxName, Description: maxDescription}, Lookup: targets.LookupSearch, Consistency: consistency, SetsRequester: true}
	if d.cfg.workflow != "" {
		t.Place = "workflow " + d.cfg.workflow
	}
	return t
}

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.planner.forget()
	if _, err := d.planner.get(ctx); err != nil {
		return err
	}
	if d.cfg.epic > 0 {
		var found epic
		switch err := d.get(ctx, "read epic", "/epics/"+strconv.Itoa(d.cfg.epic), whole(&found)); {
		case err != nil && fault.KindOf(err) == fault.NotFound, err == nil && found.Archived:
			return invalid("read epic", "Shortcut has no epic %d, or it is archived. Ask your admin to correct settings.epic.", d.cfg.epic)
		case err != nil:
			return err
		}
	}
	if d.cfg.iteration > 0 {
		var found epic
		switch err := d.get(ctx, "read iteration", "/iterations/"+strconv.Itoa(d.cfg.iteration), whole(&found)); {
		case err != nil && fault.KindOf(err) == fault.NotFound:
			return invalid("read iteration", "Shortcut has no iteration %d. Ask your admin to correct settings.iteration.", d.cfg.iteration)
		case err != nil:
			return err
		}
	}
	_, err := d.carriers(ctx, "pb-check")
	return err
}

// Find implements targets.Driver.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	return targets.Oldest(d.FindAll(ctx, marker))
}

// FindAll implements targets.Duplicates.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	p, err := d.planner.get(ctx)
	if err != nil {
		return nil, err
	}
	found, err := d.carriers(ctx, marker)
	if err != nil {
		return nil, err
	}
	var out []targets.Issue
	for _, s := range found {
		out = append(out, portable(p, s))
	}
	return out, nil
}

// carriers asks for the stories with a marker in both ways, since a "none"
// that is wrong would make a second one. Their ids rise.
func (d *driver) carriers(ctx context.Context, marker targets.Marker) ([]story, error) {
	const op = "find stories"
	link := markerLink + string(marker)
	linked, err := list[story](ctx, d.client, op, http.MethodGet, "/external-link/stories?"+url.Values{"external_link": {link}}.Encode(), nil)
	if err != nil {
		return nil, err
	}
	named, err := list[story](ctx, d.client, op, http.MethodPost, "/stories/search", map[string]string{"external_id": string(marker)})
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(append(linked, named...), func(s story) bool {
		return s.ID == 0 || s.ExternalID != string(marker) && !slices.Contains(s.Links, link)
	})
	slices.SortFunc(all, func(a, b story) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(all, func(a, b story) bool { return a.ID == b.ID }), nil
}

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	const op = "create story"
	p, err := d.planner.get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	s := write{Type: d.cfg.typ, State: p.state, Epic: d.cfg.epic, Iteration: d.cfg.iteration, Group: p.group, Requester: draft.Requester, ExternalID: string(draft.Marker)}
	if err := d.texts(&s, draft); err != nil {
		return targets.Issue{}, err
	}
	s.Labels = labels(nil, draft.Labels)
	if draft.Link != "" {
		s.Links = append(s.Links, draft.Link)
	}
	s.Links = append(s.Links, markerLink+string(draft.Marker))
	if draft.Assignee != "" {
		s.Owners = []string{draft.Assignee}
	}
	var made story
	if err := d.change(ctx, op, http.MethodPost, "/stories", s, whole(&made)); err != nil {
		if names(err, rememberedFields()...) {
			d.planner.forget() // the workspace has changed
			return targets.Issue{}, targets.Stale(err)
		}
		return targets.Issue{}, err
	}
	if made.ID == 0 {
		return targets.Issue{}, wire.Unreadable(op, errors.New("no story in the answer"))
	}
	return portable(p, made), nil
}

// texts fills in what create and update have in common.
func (d *driver) texts(s *write, draft targets.Draft) error {
	s.Name = draft.Title
	s.Description = describe(draft)
	return fill(s, draft.Fields)
}

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return describe(draft), text.FormatMarkdown
}

func describe(draft targets.Draft) string {
	return draft.Render(maxDescription, richtext.UTF16Len, render)
}

func render(doc richtext.Doc) string { return doc.Markdown(richtext.ShortcutMarkdown()) }

// labels adds names to labels; case does not make a new one.
func labels(have []label, names []string) []label {
	out := slices.Clone(have)
	for _, name := range names {
		name = text.Title(name, maxLabel)
		if !slices.ContainsFunc(out, func(l label) bool { return strings.EqualFold(l.Name, name) }) {
			out = append(out, label{Name: name})
		}
	}
	return out
}

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	p, err := d.planner.get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	found, err := d.story(ctx, id)
	if err != nil {
		return targets.Issue{}, err
	}
	return portable(p, found), nil
}

func (d *driver) story(ctx context.Context, id string) (story, error) {
	const op = "read story"
	var found story
	if !isID(id) {
		return found, wire.UnknownID(op, name, storyNamed(id))
	}
	if err := d.get(ctx, op, "/stories/"+id, whole(&found)); err != nil {
		return found, d.explain(ctx, op, id, err)
	}
	if found.ID == 0 {
		return found, notShortcut(op, errors.New("the answer names no story"))
	}
	return found, nil
}

// explain looks closer at a story that Shortcut does not return. The token sees
// its whole workspace or nothing, so its workflows prove the place.
func (d *driver) explain(ctx context.Context, op, id string, err error) error {
	var said *refusedError
	return wire.Absence{Op: op, Tracker: name, Issue: storyNamed(id), Account: "the token's member",
		Said: errors.As(err, &said) && said.message == notFoundMessage,
		Prove: func(ctx context.Context) error {
			_, err := list[workflow](ctx, d.client, "read workflows", http.MethodGet, "/workflows", nil)
			return err
		}}.Explain(ctx, err)
}

// notFoundMessage is what Shortcut says of a story that it does not have. An
// unknown address is "Page not Found".
const notFoundMessage = "Resource not found."

func storyNamed(id string) string { return "story " + text.Title(id, 20) }

func isID(id string) bool {
	n, err := strconv.Atoi(id)
	return err == nil && n > 0 && strconv.Itoa(n) == id
}

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	return d.Read(ctx, strings.TrimPrefix(strings.ToLower(ref.Key()), "sc-")+ref.After("story"))
}

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	return d.touch(ctx, "comment on story", http.MethodPost, id, "/comments", map[string]string{"text": render(text.PlainText(remark))}, nil)
}

// Close implements targets.Closer: the first state of the story's workflow
// that counts as done.
func (d *driver) Close(ctx context.Context, id string) error {
	const op = "close story"
	p, err := d.planner.get(ctx)
	if err != nil {
		return err
	}
	found, err := d.story(ctx, id)
	if err != nil || found.Archived || p.states[found.State].Type == typeDone {
		return err
	}
	for _, w := range p.workflows {
		if w.ID != found.Workflow {
			continue
		}
		for _, s := range w.States {
			if s.Type == typeDone {
				return d.touch(ctx, op, http.MethodPut, id, "", write{State: s.ID}, nil)
			}
		}
	}
	return &fault.Error{Op: op, Kind: fault.Forbidden, Public: "Shortcut has no state that counts as done in the story's workflow. Ask a Shortcut admin to add one."}
}

// Update implements targets.Updater. Lists are written whole, so what others
// added to them is sent along.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	const op = "update story"
	p, err := d.planner.get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	found, err := d.story(ctx, id)
	if err != nil {
		return targets.Issue{}, err
	}
	var s write
	if err := d.texts(&s, draft); err != nil {
		return targets.Issue{}, err
	}
	if all := labels(found.Labels, draft.Labels); len(all) > len(found.Labels) {
		s.Labels = all
	}
	if draft.Link != "" && !slices.Contains(found.Links, draft.Link) {
		s.Links = append(slices.Clone(found.Links), draft.Link)
	}
	if draft.Assignee != "" && !slices.Contains(found.Owners, draft.Assignee) {
		s.Owners = append(slices.Clone(found.Owners), draft.Assignee)
	}
	if len(s.Fields) > 0 {
		for _, have := range found.Fields {
			if !slices.ContainsFunc(s.Fields, func(f fieldValue) bool { return f.Field == have.Field }) {
				s.Fields = append(s.Fields, have)
			}
		}
	}
	var changed story
	if err := d.touch(ctx, op, http.MethodPut, id, "", s, &changed); err != nil {
		return targets.Issue{}, err
	}
	if changed.ID == 0 {
		return targets.Issue{}, wire.Unreadable(op, errors.New("no story in the answer"))
	}
	return portable(p, changed), nil
}

// touch changes a story that exists.
func (d *driver) touch(ctx context.Context, op, method, id, path string, body, out any) error {
	if !isID(id) {
		return wire.UnknownID(op, name, storyNamed(id))
	}
	return d.explain(ctx, op, id, d.change(ctx, op, method, "/stories/"+id+path, body, out))
}

// portable is a story in everybody's words. A state that the plan does not
// know is newer than it.
func portable(p *plan, s story) targets.Issue {
	id := strconv.Itoa(s.ID)
	out := targets.Issue{ID: id, Key: "sc-" + id, Title: s.Name, Progress: targets.Started}
	if strings.HasPrefix(s.URL, "https://") {
		out.URL = s.URL
	}
	if s.Archived {
		out.Verdict = targets.VerdictTrashed
	}
	if now, ok := p.states[s.State]; ok {
		out.Status, out.Color = now.Name, text.NearestColor(now.Color)
		switch now.Type {
		case "backlog", "unstarted":
			out.Progress = targets.Open
		case typeDone:
			out.Progress = targets.Done
		}
	}
	return out
}
