// Package hooks takes what trackers tell by webhooks. A webhook is a hint: it
// names issues that are worth reading again, and nothing that it says is believed.
//
// What must not live here: how issues are read (refresh), a tracker's wire format
// (targets), and what a button shows.
package hooks

// Path is the root of the addresses that trackers send webhooks to: an integration's
// is Path, its id, a slash and its token. A shared one is Path and the kind of
// tracker.
const Path = "/hooks/"
