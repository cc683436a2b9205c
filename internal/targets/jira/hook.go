package jira

import (
	"encoding/json"
	"errors"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

// maxDelivery bounds a delivery's identifier, in bytes.
const maxDelivery = 100

// ReadHook implements targets.HookReader. It reads a webhook that a Jira admin set up with a secret: the
// signature is HMAC-SHA256 over the raw body, in X-Hub-Signature. Jira sends an
// event again for a while if it was not taken, with the same identifier and
// the same body; so its age says nothing, and the identifier finds repeats.
func (*driver) ReadHook(signing secret.String, h targets.Hook) ([]targets.HookEvent, error) {
	const op = "read webhook"
	refuse := func(kind fault.Kind, why string) error {
		return fault.Wrap(kind, op, errors.New(why))
	}
	if signing.Empty() {
		return nil, refuse(fault.Unauthorized, "there is no secret to check it with")
	}
	method, digits, _ := strings.Cut(h.Header.Get("X-Hub-Signature"), "=")
	if method != "sha256" {
		return nil, refuse(fault.Unauthorized, "it has no sha256 signature")
	}
	if !h.Signed(signing, strings.TrimSpace(digits)) {
		return nil, refuse(fault.Unauthorized, "the signature is wrong")
	}
	var body struct {
		Event string `json:"webhookEvent"`
		Issue *struct {
			ID json.RawMessage `json:"id"`
		} `json:"issue"`
	}
	if err := json.Unmarshal(h.Body, &body); err != nil {
		return nil, refuse(fault.Invalid, "the body is not what Jira sends: "+err.Error())
	}
	if body.Event == "" {
		return nil, refuse(fault.Invalid, "the body names no event")
	}
	if body.Issue == nil {
		return nil, nil // of a project, a user, a sprint
	}
	id := strings.Trim(string(body.Issue.ID), `"`)
	if !isID(id) {
		return nil, refuse(fault.Invalid, "the body names no issue")
	}
	delivery := h.Header.Get("X-Atlassian-Webhook-Identifier")
	if len(delivery) > maxDelivery {
		delivery = delivery[:maxDelivery]
	}
	return []targets.HookEvent{{Delivery: delivery, ID: id, Gone: body.Event == "jira:issue_deleted"}}, nil
}
