package shortcut

import (
	"encoding/json"
	"slices"
	"strconv"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

// hookBody is an outgoing web hook, version 1. A change of a remark or task
// names its story in an action of its own.
type hookBody struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Actions []struct {
		ID     json.RawMessage `json:"id"` // a number, except of what is no story
		Entity string          `json:"entity_type"`
		Action string          `json:"action"`
	} `json:"actions"`
}

const maxDelivery = 100

// ReadHook implements targets.HookReader. It reads a web hook: Payload-Signature is the hex HMAC-SHA256 of the
// body under the secret of the integration. Shortcut signs no time.
func (*driver) ReadHook(signing secret.String, h targets.Hook) ([]targets.HookEvent, error) {
	const op = "read web hook"
	if !h.Signed(signing, h.Header.Get("Payload-Signature")) {
		return nil, fault.New(fault.Unauthorized, op, "The web hook's signature is not Shortcut's.")
	}
	var body hookBody
	if err := json.Unmarshal(h.Body, &body); err != nil || body.Actions == nil || len(body.ID) > maxDelivery {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Err: err, Public: "The body is not a Shortcut web hook."}
	}
	var out []targets.HookEvent
	for _, a := range body.Actions {
		var id int
		if a.Entity != "story" || json.Unmarshal(a.ID, &id) != nil || id <= 0 {
			continue
		}
		event := targets.HookEvent{Delivery: body.ID, ID: strconv.Itoa(id), Gone: a.Action == "delete"}
		if !slices.Contains(out, event) {
			out = append(out, event)
		}
	}
	return out, nil
}
