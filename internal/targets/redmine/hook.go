package redmine

import (
	"encoding/json"
	"strconv"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

// signaturePrefix names the algorithm in front of the digest.
const signaturePrefix = "sha256="

// hookBody is a webhook as Redmine sends it. What is in the data depends on the
// type: "issue.updated" has an issue, "wiki_page.created" a page.
type hookBody struct {
	Type string `json:"type"`
	Data struct {
		Issue struct {
			ID int `json:"id"`
		} `json:"issue"`
	} `json:"data"`
}

// ReadHook implements targets.HookReader. It reads a webhook of Redmine 7.0 or
// newer: X-Redmine-Signature-256 is the hex HMAC-SHA256 of the body. Redmine signs
// only where the webhook has a secret. It sends each event once, without a name
// for the delivery, and signs no time.
func (*driver) ReadHook(signing secret.String, h targets.Hook) ([]targets.HookEvent, error) {
	const op = "read webhook"
	digest, ok := strings.CutPrefix(h.Header.Get("X-Redmine-Signature-256"), signaturePrefix)
	if !ok || !h.Signed(signing, digest) {
		return nil, fault.New(fault.Unauthorized, op, "The webhook's signature is not Redmine's.")
	}
	var body hookBody
	if err := json.Unmarshal(h.Body, &body); err != nil {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Err: err, Public: "The body is not a Redmine webhook."}
	}
	object, action, ok := strings.Cut(body.Type, ".")
	switch {
	case !ok:
		return nil, fault.New(fault.Invalid, op, "The Redmine webhook names no event.")
	case object != "issue":
		return nil, nil // of a page, a version, a time entry
	case body.Data.Issue.ID <= 0:
		return nil, fault.New(fault.Invalid, op, "The Redmine webhook names no issue.")
	}
	return []targets.HookEvent{{ID: strconv.Itoa(body.Data.Issue.ID), Gone: action == "deleted"}}, nil
}
