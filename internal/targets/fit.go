package targets

import (
	"context"
	"slices"

	"pushbutton/internal/targets/text"
)

// Limits of a Draft's smaller parts, in characters.
const (
	maxLabels   = 20
	maxLabel    = 100
	maxReporter = 200
	maxLink     = 1000
	maxTitle    = 4096 // for trackers that name no limit
)

// complete returns the draft for the driver. It is cut, and has accounts and
// typed fields in the place of what was unresolved.
func (t *Target) complete(ctx context.Context, d Draft) (Draft, error) {
	d = t.fit(d)
	t.findPeople(ctx, &d)
	return d, t.fillFields(ctx, &d)
}

// fit cuts a draft to what every tracker takes; its description is left to
// the driver, which alone knows how long it becomes in its format.
func (t *Target) fit(d Draft) Draft {
	limit := t.traits.Limits.Title
	if limit <= 0 {
		limit = maxTitle
	}
	d.Title = text.Cut(t.wholeTitle(d.Title), limit)
	d.Reporter = text.Cut(text.OneLine(d.Reporter), maxReporter)
	if !text.WebAddress(d.Link) || len(d.Link) > maxLink {
		d.Link = ""
	}
	var labels []string
	for _, l := range d.Labels {
		if l = text.Cut(text.OneLine(l), maxLabel); l != "" && !slices.Contains(labels, l) && len(labels) < maxLabels {
			labels = append(labels, l)
		}
	}
	d.Labels = labels
	return d
}

// wholeTitle is a title before it is cut. Breaks come first, so that they count.
func (t *Target) wholeTitle(s string) string {
	return t.traits.Titles.BreakText(text.Title(s, 0))
}
