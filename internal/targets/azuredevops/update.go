package azuredevops

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Update implements targets.Updater. Tags and links that others added stay,
// and a change that somebody makes meanwhile is not overwritten.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	found, err := d.item(ctx, id, url.Values{"$expand": {"relations"}})
	if err != nil {
		return targets.Issue{}, err
	}
	ops := d.texts(res, draft)
	tags := tagsOf(found)
	had := len(tags)
	for _, tag := range append(toTags(draft.Labels), string(draft.Marker)) {
		if tag != "" && !slices.ContainsFunc(tags, func(t string) bool { return strings.EqualFold(t, tag) }) {
			tags = append(tags, tag)
		}
	}
	if len(tags) > had {
		ops = appendField(ops, fieldTags, strings.Join(tags, tagSeparator))
	}
	ops, err = d.addCustomFields(ctx, ops, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	// Azure DevOps refuses a link that is there already.
	linked := slices.ContainsFunc(found.Relations, func(r relation) bool { return r.Rel == relHyperlink && r.URL == draft.Link })
	if draft.Link != "" && !linked {
		ops = append(ops, hyperlink(draft.Link))
	}
	changed, err := d.change(ctx, "update work item", id, ifUnchanged(found, ops))
	if err != nil {
		return targets.Issue{}, err
	}
	return d.toIssue(ctx, changed)
}

// ifUnchanged makes a patch that fails where the item is no longer what was read.
func ifUnchanged(w workItem, ops []op) []op {
	return append([]op{{"test", "/rev", w.Rev}}, ops...)
}

// change patches an item, in whatever project it is by now.
func (d *driver) change(ctx context.Context, op, id string, ops []op) (workItem, error) {
	changed, err := d.patch(ctx, op, http.MethodPatch, d.wit("workitems/"+id, nil), ops)
	if !isNoItem(err) {
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
