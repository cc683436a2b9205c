package asana

import (
	"encoding/json"
	"slices"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

type hookBody struct {
	Events []struct {
		Action   string   `json:"action"`
		Resource resource `json:"resource"`
		Parent   resource `json:"parent"`
	} `json:"events"`
}

type resource struct {
	GID  string `json:"gid"`
	Type string `json:"resource_type"`
}

// ReadHook implements targets.HookReader. It reads a web hook: X-Hook-Signature is the hex HMAC-SHA256 of the
// body under the secret of the handshake. Asana signs no time and names no
// delivery; a body without events is its heartbeat.
func (*driver) ReadHook(signing secret.String, h targets.Hook) ([]targets.HookEvent, error) {
	const op = "read web hook"
	if !h.Signed(signing, h.Header.Get("X-Hook-Signature")) {
		return nil, fault.New(fault.Unauthorized, op, "The web hook's signature is not Asana's.")
	}
	var body hookBody
	if err := json.Unmarshal(h.Body, &body); err != nil || body.Events == nil {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Err: err, Public: "The body is not an Asana web hook."}
	}
	var out []targets.HookEvent
	for _, e := range body.Events {
		if e.Resource.Type != "task" || !isGID(e.Resource.GID) {
			continue
		}
		event := targets.HookEvent{ID: e.Resource.GID, Gone: e.Action == "deleted"}
		if !slices.Contains(out, event) {
			out = append(out, event)
		}
	}
	return out, nil
}
