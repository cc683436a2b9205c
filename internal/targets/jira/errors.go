package jira

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// refine turns what Jira says of a failure into a sentence. What it says of
// fields is left to those who know them by name (see explain).
func (c client) refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	if signedOut(r.Header) {
		return c.anonymous(r, verdict)
	}
	if verdict == nil {
		return nil
	}
	apiErr := c.readAPIError(r.Body)
	if e := wire.Foreign(name, r, apiErr.own()); e != nil {
		return e
	}
	verdict.Ref = ref(r.Header)
	if apiErr.own() || !apiErr.empty() {
		apiErr.status = r.Status
		verdict.Err = apiErr
	}
	switch {
	case r.Status == http.StatusUnauthorized && strings.Contains(apiErr.text(), "scope does not match"):
		// The gateway's answer to a good token without the scope.
		verdict.Kind = fault.Forbidden
		verdict.Public = "Jira: the token lacks a scope. Ask your admin to make one with read:jira-work, write:jira-work and read:jira-user."
	case r.Status == http.StatusUnauthorized:
		verdict.Public = c.refusedCredential()
	case r.Status == http.StatusForbidden:
		c.forbidden(r.Header, apiErr, verdict)
	case (r.Status == http.StatusBadRequest || r.Status == http.StatusUnprocessableEntity) && !apiErr.empty():
		verdict.Public = refusal(apiErr.text())
	case r.Status >= 300 && r.Status < 400:
		verdict.Public = "Jira's address leads elsewhere. Ask your admin to check settings.url (https? a login page in front of it?)."
	case r.Status == http.StatusTooManyRequests:
		limited(r.Header, verdict)
	}
	return verdict
}

// signedOut reports whether Jira took the request for nobody's. Cloud serves
// an ended or revoked API token so: with 404, or with 200 and an empty list.
func signedOut(h http.Header) bool {
	failed := false
	for reason := range strings.SplitSeq(strings.Join(h.Values("X-Seraph-LoginReason"), ","), ",") {
		switch strings.TrimSpace(reason) {
		case "OK":
			return false
		case "AUTHENTICATED_FAILED":
			failed = true
		}
	}
	return failed
}

// anonymous is the error for a reply to nobody. A change that Jira confirms in
// it may have been made, since a project can be open to everybody.
func (c client) anonymous(r outbound.Reply, verdict *fault.Error) *fault.Error {
	return &fault.Error{Kind: fault.Unauthorized, Unsure: verdict == nil || verdict.Unsure, Ref: ref(r.Header), Public: c.refusedCredential(),
		Err: fmt.Errorf("HTTP status %d to a request that Jira took for anonymous", r.Status)}
}

func (c client) refusedCredential() string {
	return "Jira refused the " + c.credential() + ": wrong, ended or revoked. Ask your admin to renew it in the integration's settings."
}

func (c client) credential() string {
	switch {
	case !c.cfg.cloud:
		return "personal access token"
	case c.cfg.oauth:
		return "OAuth access token (it ends after an hour)"
	default:
		return "API token or its e-mail address"
	}
}

// forbidden repeats Jira's own reason. Permissions are advised only where it
// gives none.
func (c client) forbidden(h http.Header, apiErr *apiError, verdict *fault.Error) {
	switch {
	case strings.Contains(h.Get("X-Authentication-Denied-Reason"), "CAPTCHA"):
		verdict.Kind = fault.Unauthorized
		verdict.Public = "Jira asks for a CAPTCHA before it lets the integration's account in. Ask your admin to sign in to Jira as that account once."
	case !apiErr.empty():
		verdict.Public = text.WithAdvice(name, apiErr.text(), ". Ask a Jira admin to change that.")
	default:
		verdict.Public = fmt.Sprintf("Jira does not allow this to the integration's account in project %s. Ask a Jira admin to give it the permissions to browse, create, edit and link issues there.", c.cfg.project)
	}
}

// limited reads which of Cloud's limits was met: a burst, one issue's writes,
// or a quota that may take until the next hour (RateLimit-Reason).
func limited(h http.Header, verdict *fault.Error) {
	if reason := h.Get("RateLimit-Reason"); reason != "" {
		verdict.Err = fmt.Errorf("%w (%s)", verdict.Err, text.Title(reason, 60))
	}
	if verdict.RetryAfter > 0 {
		return
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} { // Jira leaves the seconds out
		if at, err := time.Parse(layout, strings.TrimSpace(h.Get("X-RateLimit-Reset"))); err == nil {
			verdict.RetryAfter = min(max(time.Until(at), 0), time.Hour)
		}
	}
}

// ref returns the id under which Jira's admins find a request.
func ref(h http.Header) string {
	for _, name := range []string{"Atl-Traceid", "X-Arequestid", "X-Request-Id"} {
		if id := h.Get(name); id != "" {
			return id
		}
	}
	return ""
}

// apiError holds what Jira said of a failure.
type apiError struct {
	status   int
	messages []string
	fields   map[string]string // by the field's id
	// fromJira is set for Jira's own form, byGateway for that of Atlassian's
	// gateway and of Jira's REST framework.
	fromJira, fromGateway bool
}

func (e *apiError) Error() string {
	return fmt.Sprintf("HTTP status %d: %s", e.status, text.Title(e.text(), 1000))
}

func (e *apiError) empty() bool { return len(e.messages) == 0 && len(e.fields) == 0 }

// own reports whether Jira or its gateway wrote the reply, and not something
// in front of them.
func (e *apiError) own() bool { return e.fromJira || e.fromGateway }

// text is everything that was said, in a stable order.
func (e *apiError) text() string {
	all := slices.Clone(e.messages)
	for _, id := range slices.Sorted(maps.Keys(e.fields)) {
		all = append(all, e.fields[id])
	}
	return strings.Join(all, " ")
}

// readAPIError reads an error's body, each part for itself.
func (c client) readAPIError(body []byte) *apiError {
	apiErr := &apiError{fields: map[string]string{}}
	var reply struct {
		Messages   json.RawMessage `json:"errorMessages"`
		Errors     json.RawMessage `json:"errors"`
		Message    json.RawMessage `json:"message"`
		Code       json.RawMessage `json:"code"`        // the gateway's
		StatusCode json.RawMessage `json:"status-code"` // the REST framework's
	}
	if json.Unmarshal(body, &reply) != nil {
		return apiErr
	}
	var messages []any
	apiErr.fromJira = json.Unmarshal(reply.Messages, &messages) == nil && messages != nil
	var message string
	if json.Unmarshal(reply.Message, &message) == nil {
		messages = append(messages, message)
		apiErr.fromGateway = isNumber(reply.Code) || isNumber(reply.StatusCode)
	}
	for _, m := range messages {
		if text, _ := m.(string); c.clean(text) != "" {
			apiErr.messages = append(apiErr.messages, c.clean(text))
		}
	}
	var fields map[string]any
	_ = json.Unmarshal(reply.Errors, &fields) // else it says nothing of fields
	for id, v := range fields {
		if text, ok := v.(string); ok {
			apiErr.fields[id] = c.clean(text)
		}
	}
	return apiErr
}

func isNumber(raw json.RawMessage) bool {
	var n json.Number
	return json.Unmarshal(raw, &n) == nil && n != ""
}

// clean removes our Authorization from a text: the shared layer knows the
// token, not how Basic writes it.
func (c client) clean(s string) string {
	_, encoded, _ := strings.Cut(c.cfg.auth.Reveal(), " ")
	return strings.TrimSpace(strings.ReplaceAll(s, encoded, "[secret]"))
}

// refusalIn returns what Jira said of a refused request, if err is one.
func refusalIn(err error) (*apiError, bool) {
	var apiErr *apiError
	if errors.As(err, &apiErr) && (apiErr.status == http.StatusBadRequest || apiErr.status == http.StatusUnprocessableEntity) {
		return apiErr, true
	}
	return nil, false
}

// fromJira reports whether err is a refusal in Jira's own form.
func fromJira(err error) bool {
	var apiErr *apiError
	return errors.As(err, &apiErr) && apiErr.fromJira
}

// refusal returns the sentence for something Jira refused.
func refusal(message string) string {
	return text.WithAdvice(name, message, ". Ask your admin to change that in Jira or in the integration's settings.")
}

// absent explains an issue that Jira does not return. Jira says the same of
// one that was deleted, of one that a security level hides, and of one that was
// moved to a project which the account does not see. The account's permissions
// cannot rule the last two out, so Jira's 404 never means gone.
func (d *driver) absent(ctx context.Context, op, id string, err error) error {
	return wire.Absence{Op: op, Tracker: name, Issue: "issue " + id, Account: "the integration's account",
		CheckPlace: func(ctx context.Context) error {
			if why := d.authenticate(ctx); why != nil {
				return why
			}
			if _, why := d.project(ctx); why != nil {
				return why
			}
			if !fromJira(err) {
				return nil // nobody knows whose 404 it is
			}
			return &fault.Error{Op: op, Kind: fault.NotFound,
				Public: "Jira does not show issue " + text.Title(id, 40) + " to the integration's account: it was deleted, moved or restricted. Ask your admin to look for it in Jira, or unlink and push again for a new issue."}
		}}.Explain(ctx, err)
}

// unknown is the error for what cannot be an issue in Jira.
func unknown(op, id string) error {
	return wire.UnknownID(op, name, "an issue \""+text.Title(id, 20)+"\"")
}

// explain says of a refused request which fields are wrong, by the names that
// people know. The sentences are in the account's language; that a field is
// missing is therefore read off what was sent.
func (d *driver) explain(res *resolved, sent edit, err error) error {
	apiErr, ok := refusalIn(err)
	if !ok {
		return err
	}
	if long := d.tooLong(res, apiErr, err); long != nil {
		return long
	}
	if len(apiErr.fields) == 0 {
		return err
	}
	e := *fault.From(err)
	parts := apiErr.messages
	for _, id := range slices.Sorted(maps.Keys(apiErr.fields)) {
		f, known := res.fields[id]
		_, isSent := sent.Fields[id]
		_, changed := sent.Update[id]
		if known && f.Required && !isSent && !changed {
			e.Public = "Jira: field \"" + text.Title(f.Name, 100) + "\" is required in project " + res.projectKey + ". Ask your admin to map it in settings.fields."
			return &e
		}
		title := id
		if known {
			title = f.Name
		}
		parts = append(parts, "field \""+title+"\": "+strings.TrimRight(apiErr.fields[id], ". "))
	}
	e.Public = refusal(strings.Join(parts, "; "))
	return &e
}

// contentLimit is Cloud's word for a text that is too long.
const contentLimit = "CONTENT_LIMIT_EXCEEDED"

// tooLong looks for a text area that Jira refuses for its length; nil: there is
// none. Data Center's admins can lower the limit, which then holds for all text
// areas; the sentence is in the account's language.
func (d *driver) tooLong(res *resolved, apiErr *apiError, err error) error {
	for _, id := range slices.Sorted(maps.Keys(apiErr.fields)) {
		words, f := apiErr.fields[id], res.fields[id]
		how, ok := d.form(f.Schema)
		if id != fieldDescription && (!ok || how.typ != targets.ValueLongText) {
			continue
		}
		limit := text.StatedLimit(words, text.MinStated)
		if limit == 0 && !strings.Contains(words, contentLimit) && !text.SaysTooLong(words) {
			continue
		}
		return targets.TooLong(err, "", limit, "field \""+cmp.Or(f.Name, id)+"\": "+words)
	}
	for _, words := range apiErr.messages {
		if strings.Contains(words, contentLimit) {
			return targets.TooLong(err, "", 0, words)
		}
	}
	return nil
}

// notJira returns the error for an answer that Jira does not send.
func notJira(op string, err error) *fault.Error {
	return wire.Stranger(op, name, "settings.url and settings.edition", err)
}
