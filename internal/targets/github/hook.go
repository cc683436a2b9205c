package github

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

// ReadHook implements targets.HookReader. It reads a webhook. GitHub signs the body and not the time, so an old
// delivery is as good as a new one; it only has an issue read again.
func (*driver) ReadHook(signing secret.String, h targets.Hook) ([]targets.HookEvent, error) {
	const op = "read webhook"
	digest, ok := strings.CutPrefix(h.Header.Get("X-Hub-Signature-256"), "sha256=")
	if !ok || !h.Signed(signing, digest) {
		return nil, fault.New(fault.Unauthorized, op, "The webhook is not signed with its secret.")
	}
	if h.Header.Get("X-GitHub-Event") != "issues" {
		return nil, nil // a ping, or more than was asked for
	}
	body := h.Body
	if strings.HasPrefix(h.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, fault.New(fault.Invalid, op, "The webhook's body cannot be read.")
		}
		body = []byte(form.Get("payload"))
	}
	var event struct {
		Action string `json:"action"`
		Issue  struct {
			Number int `json:"number"`
		} `json:"issue"`
	}
	if err := json.Unmarshal(body, &event); err != nil || event.Issue.Number <= 0 {
		return nil, fault.New(fault.Invalid, op, "The webhook's body is not about an issue.")
	}
	return []targets.HookEvent{{
		Delivery: h.Header.Get("X-GitHub-Delivery"),
		ID:       strconv.Itoa(event.Issue.Number),
		Gone:     event.Action == "deleted" || event.Action == "transferred",
	}}, nil
}
