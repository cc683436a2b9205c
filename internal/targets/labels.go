package targets

import (
	"slices"
	"strings"
)

// maxLeftOut bounds the names of labels in a remark, in characters.
const maxLeftOut = 200

// WithoutLabels returns the draft without labels that the tracker refuses. A
// line of its text names them, since a label never stops a push.
func (d Draft) WithoutLabels(refused ...string) Draft {
	if len(refused) == 0 {
		return d
	}
	d.Labels = slices.DeleteFunc(slices.Clone(d.Labels), func(l string) bool { return slices.Contains(refused, l) })
	d.asides = append(slices.Clone(d.asides), "Labels that the tracker refused: "+Title(strings.Join(refused, ", "), maxLeftOut))
	return d
}
