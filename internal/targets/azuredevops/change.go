package azuredevops

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// What is done to an item that exists.

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	return d.Read(ctx, ref.Number("AB")+ref.After("edit"))
}

// Comment implements targets.Commenter: the discussion is the field History.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	if number(id) == 0 {
		return wire.UnknownID(targets.OpComment, name, itemNamed(id))
	}
	_, err := d.change(ctx, "comment on work item", id, appendField(nil, fieldHistory, text.PlainText(remark).HTML()))
	return err
}

// Close implements targets.Closer: the first state that counts as completed.
func (d *driver) Close(ctx context.Context, id string) error {
	const op = "close work item"
	found, err := d.item(ctx, id, summary())
	if trashed := (*trashedError)(nil); errors.As(err, &trashed) {
		return nil
	}
	if err != nil {
		return err
	}
	states, err := d.planner.statesOf(ctx, found.text(fieldType))
	if err != nil {
		return err
	}
	now := slices.IndexFunc(states, func(s state) bool { return s.Name == found.text(fieldState) })
	if now >= 0 && progress(states[now].Category) == targets.Done {
		return nil
	}
	for _, s := range states {
		if s.Category == "Completed" {
			_, err := d.change(ctx, op, id, guarded(found, appendField(nil, fieldState, s.Name)))
			return err
		}
	}
	return &fault.Error{Op: op, Kind: fault.Forbidden,
		Public: fmt.Sprintf("Azure DevOps has no state for type %q that counts as completed. Ask an Azure DevOps admin to add one to the process.", found.text(fieldType))}
}

// Update implements targets.Updater. Tags and links that others added stay,
// and a change that somebody makes meanwhile is not overwritten.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	p, err := d.planner.get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	found, err := d.item(ctx, id, url.Values{"$expand": {"relations"}})
	if err != nil {
		return targets.Issue{}, err
	}
	ops := d.texts(p, draft)
	tags := tagsOf(found)
	had := len(tags)
	for _, tag := range append(tagged(draft.Labels), string(draft.Marker)) {
		if tag != "" && !slices.ContainsFunc(tags, func(t string) bool { return strings.EqualFold(t, tag) }) {
			tags = append(tags, tag)
		}
	}
	if len(tags) > had {
		ops = appendField(ops, fieldTags, strings.Join(tags, tagSeparator))
	}
	ops, err = d.further(ctx, ops, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	// Azure DevOps refuses a link that is there already.
	linked := slices.ContainsFunc(found.Relations, func(r relation) bool { return r.Rel == relHyperlink && r.URL == draft.Link })
	if draft.Link != "" && !linked {
		ops = append(ops, hyperlink(draft.Link))
	}
	changed, err := d.change(ctx, "update work item", id, guarded(found, ops))
	if err != nil {
		return targets.Issue{}, err
	}
	return d.portable(ctx, changed)
}

// guarded makes a patch that fails where the item is no longer what was read.
func guarded(w workItem, ops []op) []op {
	return append([]op{{"test", "/rev", w.Rev}}, ops...)
}

// change patches an item, in whatever project it is by now.
func (d *driver) change(ctx context.Context, op, id string, ops []op) (workItem, error) {
	changed, err := d.patch(ctx, op, http.MethodPatch, d.wit("workitems/"+id, nil), ops)
	if !saysNoItem(err) {
		return changed, d.explain(ctx, op, id, err)
	}
	found, why := d.item(ctx, id, summary())
	if why != nil {
		return workItem{}, wire.Sure(why)
	}
	changed, err = d.patch(ctx, op, http.MethodPatch, d.address("/_apis/wit/workitems/"+id, nil), ops)
	changed.moved = found.moved
	return changed, d.explain(ctx, op, id, err)
}

// trashedError is an item that lies in the recycle bin.
type trashedError struct{ name string }

func (e *trashedError) Error() string { return "the work item is in the recycle bin" }

// explain looks closer at an item that Azure DevOps does not return. Its words
// are the same for one that was destroyed and one that is hidden, so none is
// ever gone; most that people delete are in the recycle bin.
func (d *driver) explain(ctx context.Context, op, id string, err error) error {
	if saysNoItem(err) {
		var bin deletedItem
		if d.get(ctx, "read recycle bin", d.wit("recyclebin/"+id, nil), wire.Answer{Into: &bin, Bound: outbound.One().WithTexts(1, maxDescription)}) == nil && bin.ID == number(id) {
			trashed := wire.Trashed(op, name, "Work item #"+id)
			trashed.Err = &trashedError{name: bin.Name}
			return trashed
		}
	}
	return wire.Absence{Op: op, Tracker: name, Issue: itemNamed(id), Account: "the token's account", Prove: func(ctx context.Context) error {
		if _, why := d.planner.load(ctx); why != nil || !saysNoItem(err) {
			return why
		}
		return &fault.Error{Kind: fault.NotFound}
	}}.Explain(ctx, err)
}

func itemNamed(id string) string { return "work item #" + text.Title(id, 20) }

// page is where a browser shows an item.
func (d *driver) page(project, id string) string {
	return d.cfg.base + "/" + escape(project) + "/_workitems/edit/" + id
}
