package memtarget

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// explain looks closer at an issue that the tracker does not return.
func (d *driver) explain(ctx context.Context, op, id string, err error) error {
	var apiErr *apiError
	if errors.As(err, &apiErr) && apiErr.status == http.StatusForbidden && apiErr.text == errHidden.Error() {
		return wire.Hidden(op, name, "issue "+text.Title(id, 20), "the key's account", err)
	}
	if apiErr != nil && apiErr.status == http.StatusConflict && apiErr.text == errTrashed.Error() {
		return wire.Trashed(op, name, "Issue "+text.Title(id, 20))
	}
	return wire.Absence{Op: op, Tracker: name, Issue: "issue " + text.Title(id, 20), Account: "the key's account",
		Own: errors.As(err, &apiErr) && apiErr.text == errNoIssue.Error(), CheckPlace: d.Check}.Explain(ctx, err)
}

// stranger is a read that brought something else than what the tracker sends.
func stranger(op string, err error) *fault.Error {
	return wire.Stranger(op, name, "settings.url", err)
}

// apiError holds what the tracker says of a refusal.
type apiError struct {
	status int
	text   string
}

func (e *apiError) Error() string { return fmt.Sprintf("HTTP status %d: %s", e.status, e.text) }

func (d *driver) refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	if verdict == nil {
		return nil
	}
	var reply failure
	own := json.Unmarshal(r.Body, &reply) == nil && len(reply.Errors) > 0
	if e := wire.Foreign(name, r, own); e != nil {
		return e
	}
	verdict.Ref = r.Header.Get(headerRequestID)
	if own {
		verdict.Err = &apiError{status: r.Status, text: text.Title(reply.Errors[0], 200)}
	}
	if own && r.Status == http.StatusUnprocessableEntity {
		verdict.Public = text.WithAdvice(name, reply.Errors[0], ". Ask your admin to check the integration's settings.")
	}
	return verdict
}
