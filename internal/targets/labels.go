package targets

import (
	"slices"
	"strings"
)

// WithoutLabels returns the draft without labels that a tracker refuses. A line
// of its text names them, since a label never fails a push.
func (d Draft) WithoutLabels(tracker string, refused ...string) Draft {
	if len(refused) == 0 {
		return d
	}
	d.footerLines = append(slices.Clip(d.footerLines), "Labels not set in "+tracker+": "+strings.Join(refused, ", "))
	var kept []string
	for _, l := range d.Labels {
		if !slices.Contains(refused, l) {
			kept = append(kept, l)
		}
	}
	d.Labels = kept
	return d
}
