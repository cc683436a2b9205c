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

const opHook = "read webhook"

// issueEvent is a webhook's body, as far as it is read.
type issueEvent struct {
	Action string `json:"action"`
	Issue  struct {
		Number int `json:"number"`
	} `json:"issue"`
	Repository struct {
		ID int64 `json:"id"`
	} `json:"repository"`
	// Installation is there in a GitHub App's webhooks.
	Installation struct {
		ID int64 `json:"id"`
	} `json:"installation"`
}

// ReadHook implements targets.HookReader. It reads a webhook. GitHub signs the body and not the time, so an old
// delivery is as good as a new one; it only has an issue read again.
func (*driver) ReadHook(signing secret.String, h targets.Hook) ([]targets.HookEvent, error) {
	_, events, err := readIssueEvent(signing, h)
	return events, err
}

// readIssueEvent checks who sent a webhook, and reads it; no events: it is not about
// an issue.
func readIssueEvent(signing secret.String, h targets.Hook) (event issueEvent, events []targets.HookEvent, err error) {
	digest, ok := strings.CutPrefix(h.Header.Get("X-Hub-Signature-256"), "sha256=")
	if !ok || !h.Signed(signing, digest) {
		return event, nil, fault.New(fault.Unauthorized, opHook, "The webhook is not signed with its secret.")
	}
	if h.Header.Get("X-GitHub-Event") != "issues" {
		return event, nil, nil // a ping, or more than was asked for
	}
	body := h.Body
	if strings.HasPrefix(h.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return event, nil, fault.New(fault.Invalid, opHook, "The webhook's body cannot be read.")
		}
		body = []byte(form.Get("payload"))
	}
	if err := json.Unmarshal(body, &event); err != nil || event.Issue.Number <= 0 {
		return event, nil, fault.New(fault.Invalid, opHook, "The webhook's body is not about an issue.")
	}
	return event, []targets.HookEvent{{
		Delivery: h.Header.Get("X-GitHub-Delivery"),
		ID:       strconv.Itoa(event.Issue.Number),
		Gone:     event.Action == "deleted" || event.Action == "transferred",
	}}, nil
}
