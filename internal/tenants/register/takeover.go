package register

import (
	"context"
	"errors"

	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/tenants"
)

// FieldProductboardID is where the id of an integration to take over is.
const FieldProductboardID = "productboardId"

// maxTakeover bounds the connections of an integration that is taken over.
const maxTakeover = 100_000

// Takeover is an integration that was made elsewhere and is ours now.
type Takeover struct {
	Integration tenants.Integration
	Result      Result
	// Buttons counts the buttons that Productboard shows, by state. A push of
	// one that is connected opens an issue of our own: which issue it belongs
	// to, only its label and link tell.
	Buttons map[pbapi.StateName]int
	// Linked counts those that are connected to their issue here as well.
	Linked int
}

// TakeOver makes ours what another program registered at Productboard:
// Productboard calls us from then on, with a secret of ours. It reads the fields
// of desired that Desired.Integration lists; name, type, button and whether it
// is enabled come from Productboard. Its error is Problems: nothing was changed
// then, unless it is fault.IsUnsure.
func (r *Registrar) TakeOver(ctx context.Context, tenant, productboardID string, desired tenants.Integration) (Takeover, error) {
	j := &job{tenant: tenant}
	session := r.productboard(desired)
	existing, err := session.GetIntegration(ctx, productboardID)
	switch {
	case errors.Is(err, fault.NotFound), errors.Is(err, fault.Invalid):
		j.fail(FieldProductboardID, err)
	case err != nil:
		j.fail(FieldToken, err)
	case r.isOurs(ctx, j, productboardID):
		j.refuse(fault.Conflict, FieldProductboardID, "This integration is one of this plugin's already.")
	}
	if j.state == Failed {
		return Takeover{Result: r.result(j)}, j.problems
	}
	desired.Name, desired.Type, desired.ButtonLabel, desired.Disabled = existing.Name, existing.Type, existing.Label, existing.Status == pbapi.Disabled
	j.desired = Desired{Integration: desired}
	if _, err := r.store.Tenant(tenant).ByName(ctx, desired.Name); err == nil {
		j.refuse(fault.Conflict, FieldName, "The tenant has an integration of this name already.")
	} else if !errors.Is(err, fault.NotFound) {
		j.fail(FieldName, err)
	}
	out := Takeover{Buttons: map[pbapi.StateName]int{}}
	connections, err := r.buttonsOf(ctx, session, productboardID)
	if err != nil {
		j.fail(FieldProductboardID, err)
	}
	for _, c := range connections {
		out.Buttons[c.State.State]++
	}
	j.takeOver = &existing
	out.Integration, out.Result, err = r.single(ctx, j, bothSides())
	if err != nil || r.opts.Link == nil {
		return out, err
	}
	for _, c := range connections {
		if c.State.State == pbapi.StateConnected && r.opts.Link(ctx, out.Integration, c) == nil {
			out.Linked++ // one that cannot be linked stays as it looks
		}
	}
	return out, nil
}

// buttonsOf lists what Productboard shows of an integration's buttons.
func (r *Registrar) buttonsOf(ctx context.Context, session Session, id string) ([]pbapi.Connection, error) {
	var out []pbapi.Connection
	for c, err := range session.ListConnections(ctx, id) {
		if err != nil {
			return nil, err
		}
		if len(out) == maxTakeover {
			return nil, fault.New(fault.Invalid, "take over integration", "It has more buttons than can be taken over at once.")
		}
		out = append(out, c)
	}
	return out, nil
}
