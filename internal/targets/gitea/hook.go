package gitea

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

// ReadHook implements targets.HookReader. It reads a webhook. One create makes several deliveries in no certain
// order (assigned, opened, label_updated); each only has the issue read again.
func (*driver) ReadHook(signing secret.String, h targets.Hook) ([]targets.HookEvent, error) {
	const op = "read webhook"
	signed := h
	if strings.HasPrefix(h.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(string(h.Body))
		if err != nil {
			return nil, fault.New(fault.Invalid, op, "The webhook's body cannot be read.")
		}
		signed.Body = []byte(form.Get("payload")) // what is signed, other than on GitHub
	}
	if !signed.Signed(signing, first(h, "X-Forgejo-Signature", "X-Gitea-Signature", "X-Hub-Signature-256")) {
		return nil, fault.New(fault.Unauthorized, op, "The webhook is not signed with its secret.")
	}
	if first(h, "X-Forgejo-Event", "X-Gitea-Event") != "issues" {
		return nil, nil
	}
	var event struct {
		Action string `json:"action"`
		Issue  struct {
			Number int `json:"number"`
		} `json:"issue"`
	}
	if err := json.Unmarshal(signed.Body, &event); err != nil || event.Issue.Number <= 0 {
		return nil, fault.New(fault.Invalid, op, "The webhook's body is not about an issue.")
	}
	return []targets.HookEvent{{
		Delivery: first(h, "X-Forgejo-Delivery", "X-Gitea-Delivery"),
		ID:       strconv.Itoa(event.Issue.Number),
		Gone:     event.Action == "deleted",
	}}, nil
}

// first returns the first header that is there, without the name of an algorithm.
func first(h targets.Hook, names ...string) string {
	for _, n := range names {
		if v := h.Header.Get(n); v != "" {
			return strings.TrimPrefix(v, "sha256=")
		}
	}
	return ""
}
