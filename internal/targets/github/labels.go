package github

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// GitHub makes labels that a repository does not have, except where the account
// may not, or the name is not allowed. Then it refuses the issue as a whole.

// maxExistingPages bounds the reading of labels, a hundred a page.
const maxExistingPages = 10

// withKnownLabels returns the labels of an issue, and the draft with a remark on those
// that GitHub refuses.
func (d *driver) withKnownLabels(ctx context.Context, draft targets.Draft) (targets.Draft, []string) {
	desired := d.labels(draft.Labels)
	existing, err := d.existing.Get(ctx, func(context.Context) ([]string, error) { return nil, nil })
	if err != nil || existing == nil {
		return draft, desired
	}
	var kept, rejected []string
	for _, l := range desired {
		if contains(existing, l) {
			kept = append(kept, l)
		} else {
			rejected = append(rejected, l)
		}
	}
	return draft.WithoutLabels(name, rejected...), kept
}

// labels returns the draft's and ours, each once; GitHub's do not tell case apart.
func (d *driver) labels(desired []string) []string {
	out := []string{d.cfg.markerLabel}
	for _, l := range desired {
		if l = text.Title(l, maxLabel); !contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

func contains(labels []string, name string) bool {
	return slices.ContainsFunc(labels, func(l string) bool { return strings.EqualFold(l, name) })
}

// outdated reports whether a second try may do without what GitHub refused: a
// milestone or an account that was remembered, or labels. It forgets them.
func (d *driver) outdated(ctx context.Context, draft targets.Draft, err error) bool {
	var apiErr *apiError
	switch {
	case !errors.As(err, &apiErr):
		return false
	case apiErr.names("milestone"):
		d.milestone.Forget()
		return d.cfg.milestone != ""
	case apiErr.names("assignees"), apiErr.names("assignee"):
		return draft.Assignee != "" // the shared layer remembers it
	case apiErr.names("label"), apiErr.names("labels"), apiErr.about("Label"):
		_, err := d.existing.Renew(ctx, d.listLabels)
		return err == nil
	default:
		return false
	}
}

// listLabels lists the repository's labels.
func (d *driver) listLabels(ctx context.Context) ([]string, error) {
	names := []string{}
	for page := 1; page <= maxExistingPages; page++ {
		var list []label
		more, err := d.page(ctx, "list labels", d.cfg.repo()+"/labels?per_page=100&page="+strconv.Itoa(page), wire.List(&list, 100))
		if err != nil {
			return nil, err
		}
		for _, l := range list {
			names = append(names, l.Name)
		}
		if !more {
			break
		}
	}
	return names, nil
}
