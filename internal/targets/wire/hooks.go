package wire

import "strings"

// Below reports whether a webhook's address begins with the prefix of the
// integration's own. Nothing is below a prefix that does not end with a slash:
// an empty one would claim the webhooks of others.
func Below(prefix, address string) bool {
	return strings.HasSuffix(prefix, "/") && strings.HasPrefix(address, prefix)
}
