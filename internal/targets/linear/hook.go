package linear

import (
	"encoding/json"
	"fmt"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

const (
	opHook = "read webhook"
	// maxSkew is how old or early a webhook may be, as Linear's own SDK has it.
	maxSkew = time.Minute
)

type hookBody struct {
	Action string `json:"action"` // create, update, remove, restore
	Type   string `json:"type"`
	Data   struct {
		ID      string `json:"id"`
		Trashed bool   `json:"trashed"`
	} `json:"data"`
	// Timestamp is when it was sent, in milliseconds since 1970. It is signed,
	// unlike the header of a similar name.
	Timestamp int64 `json:"webhookTimestamp"`
}

// ReadHook implements targets.HookReader. linear-signature is the hex
// HMAC-SHA256 of the body.
func (*driver) ReadHook(signing secret.String, h targets.Hook) ([]targets.HookEvent, error) {
	refuse := func(err error) ([]targets.HookEvent, error) {
		return nil, &fault.Error{Op: opHook, Kind: fault.Unauthorized, Err: err,
			Public: "Linear's webhook is not signed with the integration's signing secret, or is too old."}
	}
	if signing.Empty() {
		return refuse(fmt.Errorf("no secret is configured"))
	}
	if !h.Signed(signing, h.Header.Get("Linear-Signature")) {
		return refuse(fmt.Errorf("another signature"))
	}
	var body hookBody
	err := json.Unmarshal(h.Body, &body)
	if err == nil && (body.Type == "" || body.Timestamp == 0) {
		err = fmt.Errorf("the body names no type or no time")
	}
	if err == nil && body.Type == "Issue" && !isUUID(body.Data.ID) {
		err = fmt.Errorf("the body names no issue")
	}
	if err != nil {
		return nil, &fault.Error{Op: opHook, Kind: fault.Invalid, Err: err, Public: "Linear's webhook is not one that Linear sends."}
	}
	if age := h.Now.Sub(time.UnixMilli(body.Timestamp)); age.Abs() > maxSkew {
		return refuse(fmt.Errorf("sent %s ago", age.Round(time.Second)))
	}
	if body.Type != "Issue" {
		return nil, nil
	}
	return []targets.HookEvent{{Delivery: h.Header.Get("Linear-Delivery"), ID: body.Data.ID, Gone: body.Action == "remove" || body.Data.Trashed}}, nil
}
