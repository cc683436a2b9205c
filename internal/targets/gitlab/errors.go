package gitlab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

const (
	// maxWait bounds what is believed of RateLimit-Reset.
	maxWait = time.Hour
	// maxSaid bounds the sentences of one refusal.
	maxSaid = 8
	// maxPermission bounds the name of a permission, in characters.
	maxPermission = 120
)

// apiError holds what GitLab says of a refusal.
type apiError struct {
	status    int
	sentences []string
}

func (e *apiError) Error() string {
	return fmt.Sprintf("HTTP status %d: %s", e.status, strings.Join(e.sentences, "; "))
}

// noIssue reports whether GitLab says that there is no such issue. A read and a
// remark have words of their own for it; a project's absence has others.
func (e *apiError) noIssue() bool {
	return e.status == http.StatusNotFound && len(e.sentences) == 1 && (strings.EqualFold(e.sentences[0], "Not found") || strings.EqualFold(e.sentences[0], "Issue Not Found"))
}

// reason is why GitLab forbids something, "" where it does not say.
func (e *apiError) reason() string {
	message := strings.TrimSpace(strings.TrimPrefix(strings.Join(e.sentences, ", "), "Forbidden"))
	return strings.TrimSpace(strings.TrimPrefix(message, "-"))
}

// refine turns what GitLab says of a failure into a sentence.
func (c client) refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	if verdict == nil {
		return nil
	}
	reply, own := parseError(r)
	if e := wire.Foreign(name, r, own); e != nil {
		e.Ref = r.Header.Get("X-Request-Id")
		return e
	}
	verdict.Ref = r.Header.Get("X-Request-Id")
	apiErr := &apiError{status: r.Status, sentences: reply.sentences()}
	message := strings.Join(apiErr.sentences, ", ")
	if message != "" {
		verdict.Err = apiErr
	}
	switch {
	case r.Status == http.StatusUnauthorized:
		verdict.Public = "GitLab refused the token. Ask your admin to renew it in the integration's settings: it is wrong, expired or revoked."
	case r.Status == http.StatusForbidden:
		verdict.Public = c.forbidden(reply, apiErr.reason())
	case r.Status == http.StatusTooManyRequests:
		if verdict.RetryAfter == 0 {
			verdict.RetryAfter = untilReset(r.Header, time.Now())
		}
	case r.Status >= 300 && r.Status < 400:
		verdict.Public = "GitLab's address leads elsewhere, or the project was renamed. Ask your admin to check settings.url and settings.project."
	case r.Status == http.StatusConflict && reply.Captcha:
		verdict.Kind = fault.Invalid // until somebody solves a CAPTCHA, which nobody here can
		verdict.Public = text.WithAdvice(name, message, spamAdvice)
	case verdict.Kind == fault.Invalid && strings.Contains(message, "recognized as spam"):
		verdict.Public = text.WithAdvice(name, message, spamAdvice)
	case verdict.Kind == fault.Invalid && message != "":
		verdict.Public = text.WithAdvice(name, message, ". Ask your admin to change that in GitLab or in the integration's settings.")
	}
	return verdict
}

const spamAdvice = ". Ask a GitLab admin to exempt the token's account from the spam check."

// forbidden returns the sentence for a 403: GitLab's own reason, and advice on the
// role only where it gives none.
func (c client) forbidden(reply errorReply, reason string) string {
	switch reply.code() {
	case "insufficient_scope":
		return "GitLab: the token may not write. Ask your admin for a token with the scope api."
	case "insufficient_granular_scope":
		_, rest, _ := strings.Cut(reply.Description, "[")
		permission, _, ok := strings.Cut(rest, "]")
		if !ok || permission == "" {
			return text.WithAdvice(name, reply.Description, ". Ask your admin for a token that may do this.")
		}
		return fmt.Sprintf("GitLab: the fine-grained token lacks the permission %q. Ask your admin for a token that has it.", text.Title(permission, maxPermission))
	}
	if reason != "" {
		return text.WithAdvice(name, reason, ". Ask a GitLab admin to put that right for the token's account.")
	}
	return fmt.Sprintf("GitLab does not allow this to the token's account in project %q. Ask your admin to give it the role Reporter there.", text.Title(c.cfg.project, 60))
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
	// Captcha is set where only a person can go on.
	Captcha bool `json:"needs_captcha_response"`
}

// parseError reads a failure. own reports whether GitLab wrote it: GitLab
// begins its texts with the status, names a missing scope, or lists fields.
// Gateways say {"message": "Forbidden"}.
func parseError(r outbound.Reply) (reply errorReply, own bool) {
	if json.Unmarshal(r.Body, &reply) != nil {
		return errorReply{}, false
	}
	status := strconv.Itoa(r.Status) + " "
	var fields map[string]json.RawMessage
	return reply, strings.HasPrefix(jsonText(reply.Message), status) || strings.HasPrefix(jsonText(reply.Error), status) ||
		strings.HasPrefix(reply.code(), "insufficient_") || json.Unmarshal(reply.Message, &fields) == nil && len(fields) > 0
}

// code is the OAuth error code of a refusal (RFC 6750), or "".
func (r errorReply) code() string { return jsonText(r.Error) }

// jsonText is a JSON text, "" for anything else.
func jsonText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// sentences are what a reply says of a failure.
func (r errorReply) sentences() []string {
	sentences := append(flatten("", r.Message), flatten("", r.Error)...)
	if r.Description != "" {
		sentences = append(sentences, r.Description)
	}
	return sentences[:min(len(sentences), maxSaid)]
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

// explain looks closer at an issue that GitLab does not return. GitLab says the
// same of a deleted issue and of one that it keeps from the account.
func (d *driver) explain(ctx context.Context, op, id string, p *place, err error) error {
	var apiErr *apiError
	return wire.Absence{Op: op, Tracker: name, Issue: issueName(id), Account: "the token's account",
		Own:        errors.As(err, &apiErr) && apiErr.noIssue(),
		CheckPlace: func(ctx context.Context) error { return d.checkReading(ctx, id, p) },
	}.Explain(ctx, err)
}

// checkReading reports an error unless the account sees every issue of the project, those
// that are confidential included: an administrator's token counts only as a
// member's, since its sight may be switched off.
func (d *driver) checkReading(ctx context.Context, id string, known *place) error {
	const op = "read project"
	p, err := d.readPlace(ctx, strconv.Itoa(known.projectID))
	switch {
	case err != nil:
		return err
	case p.projectID != known.projectID:
		return notGitLab(op, errors.New("another project than the one that was asked for"))
	case p.issuesOff:
		return d.noIssues(op)
	case p.level >= rolePlanner:
		return nil
	}
	me, err := d.whoAmI(ctx)
	if err != nil {
		return err
	}
	able, err := d.hasRole(ctx, op, p, me)
	if err != nil || able {
		return err
	}
	return &fault.Error{Op: op, Kind: fault.Forbidden, Public: fmt.Sprintf(
		"GitLab does not show %s to the token's account: it was deleted, or is confidential. Ask a GitLab admin to give the account the role Reporter (or Planner) in project %q.",
		issueName(id), text.Title(d.cfg.project, 60))}
}

// notGitLab returns the error for an answer that GitLab does not send.
func notGitLab(op string, err error) *fault.Error {
	return wire.Stranger(op, name, "settings.url", err)
}
