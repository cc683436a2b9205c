package gitlab

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
)

const (
	// maxWait bounds what is believed of RateLimit-Reset.
	maxWait = time.Hour
	// maxSaid bounds the sentences of one refusal.
	maxSaid = 8
)

// refine turns what GitLab says of a failure into a sentence.
func (c client) refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	if verdict == nil {
		return nil
	}
	verdict.Ref = r.Header.Get("X-Request-Id")
	said := sentences(r.Body)
	if len(said) > 0 {
		verdict.Err = fmt.Errorf("HTTP status %d: %s", r.Status, strings.Join(said, "; "))
	}
	switch {
	case r.Status == http.StatusUnauthorized:
		verdict.Public = "GitLab refused the token. Ask your admin to renew it in the integration's settings: it is wrong, expired or revoked."
	case r.Status == http.StatusForbidden && oauthError(r.Body) == "insufficient_scope":
		verdict.Public = "GitLab: the token may not write. Ask your admin for a token with the scope api."
	case r.Status == http.StatusForbidden:
		verdict.Public = fmt.Sprintf("GitLab does not allow this to the token's account in project %q. Ask your admin to give it the role Reporter there.", c.cfg.project)
	case r.Status == http.StatusTooManyRequests:
		if verdict.RetryAfter == 0 {
			verdict.RetryAfter = untilReset(r.Header, time.Now())
		}
	case r.Status >= 300 && r.Status < 400:
		verdict.Public = "GitLab's address leads elsewhere, or the project was renamed. Ask your admin to check settings.url and settings.project."
	case verdict.Kind == fault.Invalid && len(said) > 0:
		verdict.Public = targets.Advised(name, strings.Join(said, ", "), ". Ask your admin to change that in GitLab or in the integration's settings.")
	}
	return verdict
}

// untilReset reads RateLimit-Reset (seconds since 1970), which GitLab sends
// where a proxy has taken Retry-After away.
func untilReset(h http.Header, now time.Time) time.Duration {
	at, err := strconv.ParseInt(h.Get("RateLimit-Reset"), 10, 64)
	if err != nil {
		return 0
	}
	return min(max(time.Unix(at, 0).Sub(now), 0), maxWait)
}

// errorReply is what GitLab says of a failure, in three shapes: message is a
// text, or an object of fields and their faults; error is a text.
type errorReply struct {
	Message json.RawMessage `json:"message"`
	Error   json.RawMessage `json:"error"`
	// Description goes with an OAuth error.
	Description string `json:"error_description"`
}

// oauthError is the OAuth error code of a refusal (RFC 6750), or "".
func oauthError(body []byte) string {
	var r errorReply
	var code string
	if json.Unmarshal(body, &r) != nil || json.Unmarshal(r.Error, &code) != nil {
		return ""
	}
	return code
}

// sentences are what a reply says of a failure; none if it is no JSON.
func sentences(body []byte) []string {
	var r errorReply
	if json.Unmarshal(body, &r) != nil {
		return nil
	}
	said := append(flatten("", r.Message), flatten("", r.Error)...)
	if r.Description != "" {
		said = append(said, r.Description)
	}
	return said[:min(len(said), maxSaid)]
}

// flatten reads a message of any shape.
func flatten(field string, raw json.RawMessage) []string {
	var text string
	if json.Unmarshal(raw, &text) == nil && text != "" {
		return []string{strings.TrimSpace(field + " " + withoutStatus(text))}
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		var out []string
		for _, entry := range list[:min(len(list), maxSaid)] {
			out = append(out, flatten(field, entry)...)
		}
		return out
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || field != "" {
		return nil
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		label := strings.ReplaceAll(key, "_", " ")
		if key == "base" || key == "error" { // not a field's fault
			label = " "
		}
		out = append(out, flatten(label, fields[key])...)
	}
	return out
}

// withoutStatus takes the status off a text such as "400 Bad request - ...".
func withoutStatus(text string) string {
	if code, rest, ok := strings.Cut(text, " "); ok && len(code) == 3 && strings.Trim(code, "0123456789") == "" {
		return strings.TrimPrefix(rest, "Bad request - ")
	}
	return text
}
