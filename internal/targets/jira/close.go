package jira

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// fieldResolution is what classic workflows ask for when an issue is closed.
const fieldResolution = "resolution"

// Close implements targets.Closer: a transition into a status of the category
// done, of those that the workflow offers to this account now. One that asks
// for nothing goes before one that asks for a resolution.
func (d *driver) Close(ctx context.Context, id string) error {
	const op = "close issue"
	if !isID(id) {
		return unknown(op, id)
	}
	found, err := d.issue(ctx, op, id)
	if err != nil || d.toIssue(found).Progress == targets.Done {
		return err
	}
	var reply transitionsReply
	if err := d.get(ctx, "read transitions", "/issue/"+id+"/transitions?expand=transitions.fields", wire.List(&reply, manyItems)); err != nil {
		return d.absent(ctx, op, id, err)
	}
	var best *edit
	for _, t := range reply.Transitions {
		if t.To.Category.Key != "done" {
			continue
		}
		body, ok := t.body()
		if ok && (best == nil || len(body.Fields) < len(best.Fields)) {
			best = &body
		}
	}
	if best == nil {
		return &fault.Error{Op: op, Kind: fault.Forbidden,
			Public: fmt.Sprintf("Jira's workflow lets the integration's account not close issue %s from status %q. Ask a Jira admin to allow it, or close it by hand.", found.Key, text.Title(found.Fields.Status.Name, 40))}
	}
	return d.absent(ctx, op, id, d.write(ctx, op, http.MethodPost, "/issue/"+id+"/transitions", best, nil))
}

// body returns the request that makes the transition; ok is false if it asks for
// something that the plugin does not know.
func (t transition) body() (body edit, ok bool) {
	body.Transition = &idRef{t.ID}
	for id, f := range t.Fields {
		if !f.Required || f.HasDefault {
			continue
		}
		if id != fieldResolution || len(f.Allowed) == 0 {
			return edit{}, false
		}
		body.Fields = map[string]any{fieldResolution: idRef{resolution(f.Allowed)}}
	}
	return body, true
}

// resolution picks the one that says best that nothing was done: issues are
// closed by the plugin because there are two of them.
func resolution(allowed []allowedValue) string {
	for _, name := range []string{"duplicate", "won't do", "won't fix"} {
		if at := slices.IndexFunc(allowed, func(a allowedValue) bool { return strings.EqualFold(a.title(), name) }); at >= 0 {
			return string(allowed[at].ID)
		}
	}
	return string(allowed[0].ID)
}
