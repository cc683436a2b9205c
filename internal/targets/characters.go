package targets

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
)

// MayBeCharacters reports whether a create may have failed because the tracker's
// database cannot store a character of it. A MySQL database in utf8mb3 refuses
// an emoji, and trackers on it answer HTTP 500. The outcome is unknown, as after
// every 500. So the caller sends the next create, with Draft.BMPOnly, when a
// look-up has found nothing.
func MayBeCharacters(err error) bool {
	var status outbound.StatusError
	return errors.As(err, &status) && status == http.StatusInternalServerError && OutcomeOf(err) == OutcomeUnknown
}

// bmp replaces what Draft.BMPOnly asks for in a complete draft, and says so.
// Names that the tracker gave, of options and accounts, stay: it has them.
func (d Draft) bmp(tracker string) Draft {
	replaced := 0
	text := func(s string) string {
		out, n := richtext.BMP(s)
		replaced += n
		return out
	}
	d.Title, d.Reporter = text(d.Title), text(d.Reporter)
	d.footerLines = each(d.footerLines, text)
	d.Labels = each(d.Labels, text)
	d.Fields = slices.Clone(d.Fields)
	for i, f := range d.Fields {
		if f.Field.Type == ValueText || f.Field.Type == ValueLongText {
			d.Fields[i].Values = each(f.Values, text)
		}
	}
	doc, n := d.Description.BMP()
	d.Description = doc
	if replaced += n; replaced > 0 {
		d.footerLines = append(d.footerLines, fmt.Sprintf("Characters that %s could not store were replaced: %d", tracker, replaced))
	}
	return d
}

// each returns a new slice of what change makes of each text.
func each(in []string, change func(string) string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = change(s)
	}
	return out
}
