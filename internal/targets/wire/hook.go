package wire

import "strings"

// OwnHook reports whether a tracker's webhook with an address is the integration's
// whose addresses begin with prefix, which ends with a slash. One that was found by
// the number that the tracker gave to the integration's webhook may also have
// the same end of the prefix at another host: the plugin's own address changed since.
// A number alone proves nothing, since another site of the tracker counts anew.
func OwnHook(address, prefix string, byNumber bool) bool {
	if prefix == "" {
		return false
	}
	return strings.HasPrefix(address, prefix) || byNumber && strings.Contains(address, tail(prefix))
}

// tail returns the last segment of a prefix between slashes, which names the
// integration.
func tail(prefix string) string {
	before := strings.TrimSuffix(prefix, "/")
	return before[strings.LastIndexByte(before, '/'):] + "/"
}
