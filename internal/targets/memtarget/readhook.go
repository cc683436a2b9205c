package memtarget

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

// maxSkew is how old or early a webhook may be.
const maxSkew = 5 * time.Minute

// ReadHook implements targets.HookReader.
func (*driver) ReadHook(signing secret.String, h targets.Hook) ([]targets.HookEvent, error) {
	const op = "read webhook"
	refuse := func(err error) ([]targets.HookEvent, error) {
		return nil, &fault.Error{Op: op, Kind: fault.Unauthorized, Err: err,
			Public: "The webhook of the " + name + " is not signed with the integration's secret, or is too old."}
	}
	digest, ok := strings.CutPrefix(h.Header.Get(headerSignature), signaturePrefix)
	if !ok || !h.Signed(signing, digest) {
		return refuse(errors.New("another signature"))
	}
	var body hookBody
	err := json.Unmarshal(h.Body, &body)
	if err == nil && (body.Delivery == "" || body.SentAt.IsZero() || body.Issue.ID == "") {
		err = errors.New("the body names no delivery, time or issue")
	}
	if err != nil {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Err: err, Public: "The webhook is not one that the " + name + " sends."}
	}
	if age := h.Now.Sub(body.SentAt); age.Abs() > maxSkew {
		return refuse(fmt.Errorf("sent %s ago", age.Round(time.Second)))
	}
	return []targets.HookEvent{{Delivery: body.Delivery, ID: body.Issue.ID,
		Gone: body.Change == ChangeDeleted || body.Change == ChangeTrashed || body.Change == ChangeMoved}}, nil
}
