package azuredevops

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	const op = "create work item"
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	states, err := d.statesOf(ctx, res.typ)
	if err != nil {
		return targets.Issue{}, err
	}
	ops, err := d.prepareCreatePatch(ctx, res, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	created, err := d.patch(ctx, op, methodCreate, d.createAddress(res, nil), ops)
	if err != nil {
		if namesRemembered(err) {
			d.resolved.Forget() // the process has changed
			return targets.Issue{}, targets.Stale(err)
		}
		return targets.Issue{}, res.tooLong(err)
	}
	if created.ID == 0 {
		return targets.Issue{}, wire.Unreadable(op, errors.New("no work item in the answer"))
	}
	return d.toIssueWith(created, states), nil
}

func (d *driver) createAddress(res *resolved, query url.Values) string {
	return d.wit("workitems/$"+escape(res.typ), query)
}

// prepareCreatePatch returns a new item as a patch.
func (d *driver) prepareCreatePatch(ctx context.Context, res *resolved, draft targets.Draft) ([]op, error) {
	tags := append(toTags(draft.Labels), string(draft.Marker))
	if draft.Marker == "" {
		tags = tags[:len(tags)-1]
	}
	ops := d.texts(res, draft)
	ops = appendField(ops, fieldTags, strings.Join(tags, tagSeparator))
	ops = appendField(ops, fieldArea, d.cfg.area)
	ops = appendField(ops, fieldIteration, d.cfg.iteration)
	ops, err := d.addCustomFields(ctx, ops, draft)
	if err != nil {
		return nil, err
	}
	if draft.Link != "" {
		ops = append(ops, hyperlink(draft.Link))
	}
	if d.cfg.parent > 0 {
		ops = append(ops, op{"add", "/relations/-", relation{Rel: relParent, URL: d.cfg.base + "/_apis/wit/workItems/" + strconv.Itoa(d.cfg.parent)}})
	}
	return ops, nil
}

// texts returns title and description as a patch.
func (d *driver) texts(res *resolved, draft targets.Draft) []op {
	title := draft.Title
	for n := maxTitle; richtext.UTF16Len(title) > maxTitle; n-- {
		title = text.Title(draft.Title, n)
	}
	ops := appendField(nil, fieldTitle, title)
	return appendField(ops, res.description, renderDescription(draft))
}

// addCustomFields adds the assignee and the custom fields of the mapping.
func (d *driver) addCustomFields(ctx context.Context, ops []op, draft targets.Draft) ([]op, error) {
	ops = appendField(ops, fieldAssignedTo, draft.Assignee)
	if len(draft.Fields) == 0 {
		return ops, nil
	}
	all, err := d.allFields(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range draft.Fields {
		ops = append(ops, op{"add", "/fields/" + f.Field.ID, encode(f, all[f.Field.ID])})
	}
	return ops, nil
}

func appendField(ops []op, field, value string) []op {
	if value == "" {
		return ops
	}
	return append(ops, op{"add", "/fields/" + field, value})
}

func hyperlink(address string) op {
	return op{"add", "/relations/-", relation{Rel: relHyperlink, URL: address, Attributes: map[string]any{"comment": "Productboard"}}}
}

// toTags makes tags of labels: a comma or semicolon would separate two.
func toTags(labels []string) []string {
	var out []string
	for _, l := range labels {
		l = strings.Join(strings.FieldsFunc(l, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }), " ")
		if l != "" && !slices.ContainsFunc(out, func(o string) bool { return strings.EqualFold(o, l) }) {
			out = append(out, l)
		}
	}
	return out
}
