package shortcut

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// refine turns what Shortcut says of a failure into a sentence.
func (c client) refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	if verdict == nil {
		return nil
	}
	var reply failure
	own := json.Unmarshal(r.Body, &reply) == nil && reply.Message != ""
	if e := wire.Foreign(name, r, own); e != nil {
		return e
	}
	verdict.Ref = r.Header.Get("X-Request-Id")
	details := flatten("", reply.Errors, 0)
	if own || len(details) > 0 {
		verdict.Err = &apiError{status: r.Status, message: text.Title(reply.Message, text.MaxPublic), details: details}
	}
	switch {
	case r.Status == http.StatusForbidden && reply.Message != "" && !strings.EqualFold(reply.Message, http.StatusText(r.Status)):
		verdict.Public = text.WithAdvice(name, reply.Message, ". Ask a Shortcut admin to allow it to the token's member.")
	case r.Status == http.StatusUnauthorized:
		verdict.Public = "Shortcut refused the token. Ask your admin to renew it in the integration's settings."
	case r.Status == http.StatusForbidden:
		verdict.Public = "Shortcut does not allow this to the token's member. Ask a Shortcut admin to make it a member of the workspace, not an observer."
	case r.Status == http.StatusNotFound:
		verdict.Public = "Shortcut does not have what was asked for, or does not show it to the token's member. Ask your admin to check the integration's settings."
	case r.Status == http.StatusBadRequest || r.Status == http.StatusUnprocessableEntity:
		switch {
		case len(details) > 0:
			verdict.Public = sentence(strings.Join(details, "; "))
		case reply.Message != "":
			verdict.Public = sentence(reply.Message)
		}
	case r.Status >= 300 && r.Status < 400:
		verdict.Public = "Shortcut's address leads elsewhere. Ask your admin to check settings.url."
	}
	return verdict
}

// apiError holds what Shortcut says of a refusal, and of which properties.
type apiError struct {
	status  int
	message string
	// details are "property: what is wrong".
	details []string
}

func (e *apiError) Error() string {
	return fmt.Sprintf("HTTP status %d: %s", e.status, text.Title(e.message+" "+strings.Join(e.details, "; "), text.MaxPublic))
}

// names reports whether a refusal is about one of these properties.
func names(err error, properties ...string) bool {
	var apiErr *apiError
	return errors.As(err, &apiErr) && slices.ContainsFunc(apiErr.details, func(detail string) bool {
		property, _, _ := strings.Cut(detail, ":")
		property, _, _ = strings.Cut(property, ".")
		return slices.Contains(properties, property)
	})
}

// rememberedFields are the properties whose ids were looked up earlier.
func rememberedFields() []string {
	return []string{"workflow_state_id", "group_id", "owner_ids", "requested_by_id", "custom_fields"}
}

// maxDepth bounds how deep errors of nested values are read.
const maxDepth = 4

// flatten makes "field: what is wrong" of errors, which follow the request's
// form.
func flatten(at string, errors map[string]any, depth int) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(errors)) {
		name := strings.TrimPrefix(at+"."+key, ".")
		switch v := errors[key].(type) {
		case string:
			out = append(out, name+": "+strings.ReplaceAll(v, "-", " "))
		case map[string]any:
			if depth < maxDepth {
				out = append(out, flatten(name, v, depth+1)...)
			}
		case nil:
		default:
			out = append(out, name+": not valid")
		}
	}
	return out
}

func sentence(message string) string {
	return text.WithAdvice(name, message, ". Ask your admin to check the integration's settings.")
}

// explain looks closer at a story that Shortcut does not return. The token sees
// its whole workspace or nothing, so its workflows prove the place.
func (d *driver) explain(ctx context.Context, op, id string, err error) error {
	var apiErr *apiError
	return wire.Absence{Op: op, Tracker: name, Issue: storyName(id), Account: "the token's member",
		Own: errors.As(err, &apiErr) && apiErr.message == notFoundMessage,
		CheckPlace: func(ctx context.Context) error {
			_, err := list[workflow](ctx, d.client, "read workflows", http.MethodGet, "/workflows", nil)
			return err
		}}.Explain(ctx, err)
}

// notFoundMessage is what Shortcut says of a story that it does not have. An
// unknown address is "Page not Found".
const notFoundMessage = "Resource not found."

// notShortcut returns the error for an answer that Shortcut does not send.
func notShortcut(op string, err error) *fault.Error {
	return wire.Stranger(op, name, "settings.url", err)
}
