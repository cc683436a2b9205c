package targets

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/text"
)

// issue turns what a driver read into what the rest of the plugin may keep and
// show. Every issue of every driver passes here. The error is Unsure, since a
// create may have happened.
func (t *Target) issue(i Issue) (Issue, error) {
	// An answer may repeat what it was asked with.
	i.ID = t.mask(i.ID)
	if err := t.validID(i.ID); err != nil {
		return Issue{}, err
	}
	if i.Key == "" {
		i.Key = i.ID
	}
	if named := t.opts.mapping.color(strings.TrimSpace(i.Status)); named != "" {
		i.Color = named
	}
	visible := func(s string) string {
		return text.Cut(text.OneLine(text.Beginning(t.mask(s), text.MaxIssueText)), text.MaxIssueText)
	}
	i.Key, i.Title, i.Status = visible(i.Key), visible(i.Title), visible(i.Status)
	i.URL = t.link(t.mask(i.URL))
	return i, nil
}

// issues is issue for each.
func (t *Target) issues(all []Issue) ([]Issue, error) {
	out := make([]Issue, len(all))
	for n := range all {
		var err error
		if out[n], err = t.issue(all[n]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// validID returns an error for what cannot be an issue's id.
func (t *Target) validID(id string) error {
	what := text.BadID(id)
	if what == "" {
		return nil
	}
	return &fault.Error{Kind: fault.Intermediary, Unsure: true, Err: fmt.Errorf("the answer %s", what),
		Public: fmt.Sprintf("The address does not answer as %s does: the answer %s. Ask your admin to check the integration's settings.", t.traits.Name, what)}
}

// link returns an address that a button may lead to, "" for another one. User
// names and passwords are taken out. Plain http needs an address of the admin's
// with plain http; a tracker that is reached by https is linked by https.
func (t *Target) link(address string) string {
	u, err := url.Parse(address)
	if err != nil || !text.WebAddress(address) || strings.ContainsFunc(u.Host, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	scheme := u.Scheme
	if scheme == "http" {
		if scheme = t.schemeFor(u.Host); scheme == "" {
			return ""
		}
	}
	if u.User != nil || u.Scheme != scheme {
		u.User, u.Scheme = nil, scheme
		address = u.String()
	}
	address = text.EscapeUnseen(address)
	if utf8.RuneCountInString(address) > text.MaxIssueURL {
		return ""
	}
	return address
}

// schemeFor is the scheme by which a page with plain http may be opened; "" is
// none.
func (t *Target) schemeFor(host string) string {
	scheme := ""
	for _, a := range t.addresses() {
		u, err := url.Parse(a.URL)
		switch {
		case err != nil:
		case u.Scheme == "http":
			return "http"
		case u.Scheme == "https" && strings.EqualFold(u.Host, host):
			scheme = "https"
		}
	}
	return scheme
}
