package targets

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pushbutton/internal/richtext"
	"pushbutton/internal/targets/text"
)

// Renderer is the ability to say what Create would write as the text,
// without sending anything.
type Renderer interface {
	Render(draft Draft) (text, format string)
}

// Preview is an issue as it would be created.
type Preview struct {
	Title string
	// Text is the description in the tracker's own format, the marker with it
	// where it stands there; Format is one of the Format constants.
	Text, Format string
	Labels       []string
	// Assignee and Requester are accounts of the tracker, empty where there
	// are none.
	Assignee, Requester string
	Fields              []FieldValue
	// Warnings say what of the item will not be seen as it is, a sentence
	// each.
	Warnings []string
}

// Preview returns what Create would write. It asks the tracker for people and
// fields and changes nothing; its error is the one that Create would end with
// before it sends.
func (t *Target) Preview(ctx context.Context, draft Draft) (Preview, error) {
	var out Preview
	err := t.run(ctx, OpPreview, func(ctx context.Context) error {
		whole, err := t.complete(ctx, draft)
		if err != nil {
			return err
		}
		whole.shortened = new(bool)
		out = Preview{Title: whole.Title, Labels: whole.Labels, Assignee: whole.Assignee, Requester: whole.Requester, Fields: whole.Fields}
		if r, ok := Ability[Renderer](t.driver); ok {
			out.Text, out.Format = r.Render(whole)
		} else {
			out.Text, out.Format = whole.Description.Plain(), text.FormatPlain
		}
		out.Warnings = t.warnings(draft, whole)
		return nil
	})
	return out, err
}

// warnings compares what was desired with what there will be.
func (t *Target) warnings(desired, whole Draft) []string {
	var out []string
	warn := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if strings.TrimSpace(desired.Title) == "" {
		warn("The item has no title: the issue will be called %q.", whole.Title)
	} else if whole.Title != t.wholeTitle(desired.Title) {
		warn("The title is cut to what %s takes.", t.traits.Name)
	}
	if *whole.shortened {
		warn("The description is cut to what %s takes; it ends with a link to the rest.", t.traits.Name)
	}
	out = append(out, t.pictureWarnings(desired.remarks())...)
	for _, label := range desired.Labels {
		if label = text.Cut(text.OneLine(label), maxLabel); label != "" && !slices.Contains(whole.Labels, label) {
			warn("More than %d labels: %q is left out.", maxLabels, label)
		}
	}
	if email := desired.unresolved.assignee; email != "" && whole.Assignee == "" {
		warn("%s has no account for %s that issues can be given to: the description will name the assignee.", t.traits.Name, email)
	}
	if email := desired.unresolved.requester; email != "" && t.traits.SetsRequester && whole.Requester == "" {
		warn("%s has no account for %s: the reporter will be the integration's own account.", t.traits.Name, email)
	}
	for _, f := range desired.unresolved.fields {
		if !slices.ContainsFunc(whole.Fields, func(v FieldValue) bool { return v.Field.ID == f.name || strings.EqualFold(v.Field.Name, f.name) }) {
			warn("The field %q stays empty: the item has no value for it.", f.name)
		}
	}
	return append(out, whole.warnings...)
}

// warn adds a sentence to a preview of the draft.
func (d *Draft) warn(format string, args ...any) {
	d.warnings = append(d.warnings, fmt.Sprintf(format, args...))
}

// remarks returns what description and fields could not take over.
func (d Draft) remarks() richtext.Remarks {
	all := d.Description
	for _, f := range d.unresolved.fields {
		all = all.Append(f.value.Docs()...)
	}
	return all.Remarks()
}

// pictureWarnings say which pictures the tracker does not get.
func (t *Target) pictureWarnings(r richtext.Remarks) []string {
	var out []string
	warn := func(n int, which, note string) {
		if n > 0 {
			out = append(out, fmt.Sprintf("Pictures %s are not copied to %s (%d here): %s stands in the place of each.", which, t.traits.Name, n, note))
		}
	}
	warn(r.EmbeddedPictures, "inside the text itself", "a note")
	warn(r.InsecurePictures, "whose address has no https", "a note with a link")
	warn(r.LocalPictures, "that only Productboard can open", "a note")
	return out
}
