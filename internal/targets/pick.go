package targets

import (
	"slices"
	"strings"
)

// Pick finds what a setting names among what the tracker has: the first that
// has the text as its id or one of its names. Case does not matter.
func Pick[T any](all []T, wanted string, names func(T) []string) (found T, ok bool) {
	at := slices.IndexFunc(all, func(x T) bool {
		return slices.ContainsFunc(names(x), func(name string) bool { return strings.EqualFold(name, wanted) })
	})
	if at < 0 {
		return found, false
	}
	return all[at], true
}
