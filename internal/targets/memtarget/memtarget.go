// Package memtarget is the reference tracker: a small tracker in memory with
// an HTTP face (Tracker), and the driver that speaks with it. It serves
// `plugin dev` and the tests; it can misbehave on request, and keeps books of
// every create it ever carried out, so that a test can count from outside.
//
// What must not live here: a page for browsers, and anything that a real
// tracker would not know (tenants, buttons).
package memtarget

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

type driver struct {
	http *outbound.Client
	cfg  config
}

// Traits implements targets.Driver.
func (d *driver) Traits() targets.Traits {
	return targets.Traits{Name: name, Limits: targets.Limits{Title: maxTitle, Description: maxDescription}, Lookup: targets.LookupSearch, Consistency: d.cfg.lag}
}

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	const op = "read project"
	var p projectInfo
	if err := d.send(ctx, op, http.MethodGet, "", nil, &p); err != nil {
		return err
	}
	if p.Key != d.cfg.project {
		return stranger(op, errors.New("the answer names no project"))
	}
	return nil
}

// Find implements targets.Driver.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	return targets.Oldest(d.FindAll(ctx, marker))
}

// FindAll implements targets.Duplicates.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	var list issueList
	if err := d.send(ctx, "list issues", http.MethodGet, "/issues?"+url.Values{"marker": {string(marker)}}.Encode(), nil, &list); err != nil {
		return nil, err
	}
	if list.Issues == nil {
		return nil, stranger("list issues", errors.New("the answer holds no list"))
	}
	out := make([]targets.Issue, len(list.Issues))
	for i, r := range list.Issues {
		out[i] = d.portable(r)
	}
	return out, nil
}

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return describe(draft), text.FormatMarkdown
}

func describe(draft targets.Draft) string { return draft.Render(maxDescription, bytes, markdown) }

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	var made Record
	body := newIssue{Marker: string(draft.Marker), Title: draft.Title, Description: describe(draft), Link: draft.Link, Labels: draft.Labels, Reporter: draft.Reporter}
	if err := d.send(ctx, "create issue", http.MethodPost, "/issues", body, &made); err != nil {
		return targets.Issue{}, err
	}
	return d.portable(made), nil
}

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	const op = "read issue"
	if id == "" {
		return targets.Issue{}, wire.UnknownID(op, name, "an issue without an id")
	}
	var r Record
	if err := d.send(ctx, op, http.MethodGet, "/issues/"+url.PathEscape(id), nil, &r); err != nil {
		return targets.Issue{}, d.explain(ctx, op, id, err)
	}
	if r.ID == "" {
		return targets.Issue{}, stranger(op, errors.New("the answer holds no issue"))
	}
	return d.portable(r), nil
}

// explain looks closer at an issue that the tracker does not return.
func (d *driver) explain(ctx context.Context, op, id string, err error) error {
	var said *refusedError
	return wire.Absence{Op: op, Tracker: name, Issue: "issue " + text.Title(id, 20), Account: "the key's account",
		Said: errors.As(err, &said) && said.text == errNoIssue.Error(), Prove: d.Check}.Explain(ctx, err)
}

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	return d.Read(ctx, ref.Key()+ref.After("issues"))
}

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, text string) error {
	const op = "comment on issue"
	return d.explain(ctx, op, id, d.send(ctx, op, http.MethodPost, "/issues/"+url.PathEscape(id)+"/comments", newComment{Text: text}, nil))
}

// Close implements targets.Closer.
func (d *driver) Close(ctx context.Context, id string) error {
	const op = "close issue"
	return d.explain(ctx, op, id, d.send(ctx, op, http.MethodPatch, "/issues/"+url.PathEscape(id), newStatus{Status: StatusDone}, nil))
}

// send speaks with the project's part of the API; out may be nil.
func (d *driver) send(ctx context.Context, op, method, path string, body, out any) error {
	answer := wire.Answer{Into: out, Bound: outbound.Items(100).WithTexts(1, maxDescription)}
	call, err := wire.JSONCall(op, method, d.cfg.url+"/api/projects/"+url.PathEscape(d.cfg.project)+path, body, answer)
	if err != nil {
		return err
	}
	call.Header.Set(headerKey, d.cfg.key.Reveal())
	call.Header.Set(headerRequestID, uuid.NewString())
	call.Refine = d.refine
	got, err := d.http.Send(ctx, call)
	if method == http.MethodGet {
		return wire.ReadJSON(op, err, stranger)
	}
	return wire.WroteJSON(op, got, err, out)
}

// stranger is a read that brought something else than what the tracker sends.
func stranger(op string, err error) *fault.Error {
	return wire.Stranger(op, name, "settings.url", err)
}

// refusedError is what the tracker says of a refusal.
type refusedError struct {
	status int
	text   string
}

func (e *refusedError) Error() string { return fmt.Sprintf("HTTP status %d: %s", e.status, e.text) }

func (d *driver) refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	if verdict == nil {
		return nil
	}
	var said failure
	own := json.Unmarshal(r.Body, &said) == nil && len(said.Errors) > 0
	if e := wire.Foreign(name, r, own); e != nil {
		return e
	}
	verdict.Ref = r.Header.Get(headerRequestID)
	if own {
		verdict.Err = &refusedError{status: r.Status, text: text.Title(said.Errors[0], 200)}
	}
	if own && r.Status == http.StatusUnprocessableEntity {
		verdict.Public = text.Advised(name, said.Errors[0], ". Ask your admin to check the integration's settings.")
	}
	return verdict
}

// markdown is the tracker's text format; the dialect is GitHub's.
func markdown(d richtext.Doc) string { return d.Markdown(richtext.MarkdownOptions{}) }

func bytes(s string) int { return len(s) }

func (d *driver) portable(r Record) targets.Issue {
	out := targets.Issue{ID: r.ID, Key: r.Key, URL: d.cfg.url + "/issues/" + r.ID, Title: r.Title, Status: r.Status, Progress: targets.Started}
	switch r.Status {
	case StatusOpen:
		out.Progress = targets.Open
	case StatusDone:
		out.Progress = targets.Done
	}
	return out
}
