package asana

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

var errNoTask = errors.New("the answer names no task") //nolint:gochecknoglobals // a constant

// refine turns what Asana says of a failure into a sentence.
func (c client) refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	if verdict == nil {
		return nil
	}
	var reply errorsReply
	own := json.Unmarshal(r.Body, &reply) == nil && len(reply.Errors) > 0
	if e := wire.Foreign(name, r, own); e != nil {
		return e
	}
	message := ""
	verdict.Ref = r.Header.Get("X-Asana-Request-Id")
	if own {
		message = reply.Errors[0].Message
		if reply.Errors[0].Phrase != "" {
			verdict.Ref = reply.Errors[0].Phrase
		}
		verdict.Err = &apiError{status: r.Status, message: text.Title(message, text.MaxPublic)}
	}
	switch {
	case r.Status == http.StatusForbidden && saysWhy(message):
		verdict.Public = text.WithAdvice(name, message, ". Ask an Asana admin to allow it to the token's account.")
	case r.Status == http.StatusUnauthorized:
		verdict.Public = "Asana refused the token. Ask your admin to renew it in the integration's settings, and to see that the workspace allows it."
	case r.Status == http.StatusPaymentRequired:
		verdict.Public = "Asana: this needs a paid plan. Ask your admin to leave custom fields out of the integration's settings."
	case r.Status == http.StatusForbidden:
		verdict.Public = fmt.Sprintf("Asana does not allow this to the token's account. Ask your admin to make it an editor of project %s.", c.cfg.project)
	case r.Status == http.StatusNotFound:
		verdict.Public = fmt.Sprintf("Asana does not have what was asked for in project %s, or does not show it to the token's account. Ask your admin to check the integration's settings.", c.cfg.project)
	case r.Status == http.StatusBadRequest && message != "":
		verdict.Public = text.WithAdvice(name, message, ". Ask your admin to check the integration's settings.")
	case r.Status >= 300 && r.Status < 400:
		verdict.Public = "Asana's address leads elsewhere. Ask your admin to check settings.url."
	}
	return verdict
}

// apiError holds what Asana says of a refusal: the first of its messages.
type apiError struct {
	status  int
	message string
}

func (e *apiError) Error() string { return fmt.Sprintf("HTTP status %d: %s", e.status, e.message) }

// saysWhy reports whether a 403 has a reason. "project: Forbidden" has none.
func saysWhy(message string) bool {
	_, what, found := strings.Cut(message, ": ")
	if !found {
		what = message
	}
	return what != "" && !strings.EqualFold(strings.TrimRight(what, "."), http.StatusText(http.StatusForbidden))
}

// namesRemembered reports whether a refusal is about what was looked up earlier: a
// tag, section, person or field by its gid.
func namesRemembered(err error) bool {
	var apiErr *apiError
	if !errors.As(err, &apiErr) || apiErr.status != http.StatusBadRequest && apiErr.status != http.StatusNotFound {
		return false
	}
	for _, subject := range []string{"tags", "memberships", "section", "custom_fields", "assignee"} {
		if strings.HasPrefix(apiErr.message, subject) {
			return true
		}
	}
	return strings.Contains(apiErr.message, "Unknown object")
}

// explain looks closer at a task that Asana does not return. A task that the
// account may not see is 403, a deleted one 404; the project's list proves that
// tasks can be read there.
func (d *driver) explain(ctx context.Context, op, id string, err error) error {
	var apiErr *apiError
	return wire.Absence{Op: op, Tracker: name, Issue: taskName(id), Account: "the token's account",
		Own: errors.As(err, &apiErr) && strings.HasPrefix(apiErr.message, "task: Unknown object"),
		CheckPlace: func(ctx context.Context) error {
			_, _, err := list[task](ctx, d.client, "list tasks", "/tasks", url.Values{"project": {d.cfg.project}}, 1, 1)
			return err
		}}.Explain(ctx, err)
}

// notAsana returns the error for an answer that Asana does not send.
func notAsana(op string, err error) *fault.Error {
	return wire.Stranger(op, name, "settings.url", err)
}
