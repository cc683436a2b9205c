package azuredevops

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

// event is the body that a service hook of the consumer Web Hooks sends.
type event struct {
	ID       string `json:"id"`
	Type     string `json:"eventType"`
	Resource *struct {
		// ID is the work item's, except in workitem.updated, where it is the
		// update's and WorkItemID is the item's.
		ID         *int `json:"id"`
		WorkItemID *int `json:"workItemId"`
	} `json:"resource"`
}

const maxDelivery = 100

// ReadHook implements targets.HookReader. It reads a service hook. Azure DevOps signs nothing: the secret is
// the password of its basic authentication. Events of other things than work
// items are none.
func (*driver) ReadHook(signing secret.String, h targets.Hook) ([]targets.HookEvent, error) {
	const op = "read service hook"
	_, password, ok := (&http.Request{Header: h.Header}).BasicAuth()
	if !ok || signing.Empty() || !signing.Equal(password) {
		return nil, fault.New(fault.Unauthorized, op, "The hook's password is not the one that was agreed.")
	}
	var e event
	if err := json.Unmarshal(h.Body, &e); err != nil || e.Type == "" {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Err: err, Public: "The body is not an event of an Azure DevOps service hook."}
	}
	kind, ofItem := strings.CutPrefix(e.Type, "workitem.")
	if !ofItem {
		return nil, nil
	}
	var id *int
	if e.Resource != nil {
		id = e.Resource.ID
		if kind == "updated" {
			id = e.Resource.WorkItemID
		}
	}
	switch {
	case id == nil || *id < 0 || len(e.ID) > maxDelivery:
		return nil, fault.New(fault.Invalid, op, "The event names no work item. Set \"Resource details to send\" of the service hook to All.")
	case *id == 0:
		return nil, nil // what the button Test of a service hook sends
	}
	return []targets.HookEvent{{Delivery: e.ID, ID: strconv.Itoa(*id), Gone: kind == "deleted"}}, nil
}
