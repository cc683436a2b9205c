package register

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/tenants"
)

func (r *Registrar) ensureTenant(ctx context.Context, id string) (isNew bool, err error) {
	_, err = r.store.CreateTenant(ctx, id)
	if errors.Is(err, fault.Conflict) {
		return false, nil
	}
	return err == nil, err
}

// perform carries one job out.
func (r *Registrar) perform(ctx context.Context, j *job) {
	if err := context.Cause(ctx); err != nil {
		j.fail(FieldName, fault.Wrap(fault.Canceled, "apply", err))
		return
	}
	before := j.stored
	defer func() { r.seeToHook(ctx, j, before) }()
	switch j.action {
	case actionCreate, actionResume, actionRecreate:
		r.create(ctx, j)
	case actionAdopt, actionTakeOver:
		r.adopt(ctx, j)
	case actionStore:
		r.keep(ctx, j)
	case actionUpdate:
		r.update(ctx, j)
	}
}

// seeToHook has the tracker tell of changed issues, as far as it can.
func (r *Registrar) seeToHook(ctx context.Context, j *job, before *tenants.Integration) {
	if r.opts.Hooks == nil || j.stored == nil || j.state != Created && j.state != Updated && j.state != Unchanged {
		return
	}
	j.webhook = r.opts.Hooks(ctx, before, *j.stored)
	if after := j.webhook.Integration; after.ID == j.stored.ID {
		j.stored = &after
	}
}

// create stores the record first, since the probe reaches us while
// Productboard's create call is under way. After a crash in between, the record
// tells the next apply that Productboard may have the integration.
func (r *Registrar) create(ctx context.Context, j *job) {
	j.goal.ProductboardID, j.goal.Registered = "", ""
	if !r.begin(ctx, j) {
		return
	}
	cctx, cancel := context.WithTimeoutCause(ctx, createLimit, fmt.Errorf("this plugin's limit of %s: %w", createLimit, context.DeadlineExceeded))
	defer cancel()
	id, err := j.session.CreateIntegration(cctx, pbapi.IntegrationCreate{
		Type: j.goal.Type, Name: j.goal.Name, Status: status(j.goal), Label: j.goal.ButtonLabel, Action: r.pbAction(j.goal),
	})
	if err != nil {
		r.undo(ctx, j, err)
		return
	}
	j.goal.ProductboardID = id
	if r.settle(ctx, j) {
		j.state = Created
		if j.action == actionRecreate {
			j.changes = []string{"Productboard did not have it any more"}
		}
	}
}

// begin writes down that a create call is about to be sent. Of two runs that
// come here at once one loses.
func (r *Registrar) begin(ctx context.Context, j *job) bool {
	j.goal.CreateBegun = r.now().UTC()
	return r.save(ctx, j)
}

// keep stores a record that cannot be registered yet, unless it is there as it
// shall be.
func (r *Registrar) keep(ctx context.Context, j *job) {
	if j.stored != nil {
		before := *j.stored
		if sameRecord(before, j.goal) && before.ButtonLabel == j.goal.ButtonLabel && before.Disabled == j.goal.Disabled {
			j.state = Pending
			return
		}
		j.changes = []string{"settings"}
	}
	if r.save(ctx, j) {
		j.state = Pending
	}
}

func (r *Registrar) save(ctx context.Context, j *job) bool {
	scope := r.store.Tenant(j.tenant)
	save := scope.Update
	if j.stored == nil {
		save = scope.Create
	}
	saved, err := save(ctx, j.goal)
	if err != nil {
		j.fail(FieldName, err)
		return false
	}
	j.goal, j.stored = saved, &saved
	return true
}

// undo takes back what was stored for a create call that surely was not
// carried out. A record from before this run stays: buttons may belong to it.
func (r *Registrar) undo(ctx context.Context, j *job, cause error) {
	if fault.IsUnsure(cause) { // of what is taken over too: then a later run finds it as it finds an orphan
		j.fail(FieldName, fmt.Errorf("the integration may have been created all the same; apply again in a minute: %w", cause))
		return
	}
	j.fail(FieldName, cause)
	sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	scope := r.store.Tenant(j.tenant)
	var err error
	if j.action == actionCreate || j.action == actionTakeOver {
		err = scope.Delete(sctx, j.goal.ID, j.goal.Version)
		j.stored = nil
	} else {
		j.goal.CreateBegun = time.Time{} // Productboard has nothing of ours
		_, err = scope.Update(sctx, j.goal)
	}
	if err != nil {
		j.fail(FieldName, err)
	}
}

// adopt takes over what an earlier run created and could not write down. Its
// action cannot be read, so it is set anew, which also probes it.
func (r *Registrar) adopt(ctx context.Context, j *job) {
	if !r.begin(ctx, j) {
		return
	}
	change, _ := difference(*j.existing, j.goal)
	action := r.pbAction(j.goal)
	change.Action = &action
	if err := j.session.UpdateIntegration(ctx, j.existing.ID, change); err != nil {
		if j.action == actionTakeOver {
			r.undo(ctx, j, err)
		} else {
			j.fail(FieldName, err)
		}
		return
	}
	j.goal.ProductboardID = j.existing.ID
	if r.settle(ctx, j) {
		j.state, j.changes = Created, []string{"by an earlier run that was cut short"}
		if j.action == actionTakeOver {
			j.changes = []string{"taken over"}
		}
	}
}

func (r *Registrar) update(ctx context.Context, j *job) {
	var change pbapi.IntegrationUpdate
	var changes []string
	if j.existing != nil { // else nothing that Productboard knows is to be changed
		change, changes = difference(*j.existing, j.goal)
	}
	if j.goal.Registered != r.digest(j.goal) || (change.Status != nil && !j.goal.Disabled) {
		// Enabling alone is not probed; with the action beside it, it is.
		action := r.pbAction(j.goal)
		change.Action = &action
		changes = append(changes, "action")
	}
	if !sameRecord(*j.stored, j.goal) {
		changes = append(changes, "settings")
	}
	if j.stored.Reconnect != nil && j.goal.Reconnect == nil {
		// Both credentials were checked: what waits for this one may go on.
		changes = append(changes, "reconnected")
	}
	if len(changes) == 0 {
		j.state = Unchanged
		return
	}
	if change != (pbapi.IntegrationUpdate{}) {
		if err := j.session.UpdateIntegration(ctx, j.goal.ProductboardID, change); err != nil {
			j.fail(FieldName, err)
			return
		}
	}
	if r.settle(ctx, j) {
		j.state, j.changes = Updated, changes
	}
}

// settle writes down what Productboard has been told. It does not stop halfway
// because the caller gives up.
func (r *Registrar) settle(ctx context.Context, j *job) bool {
	sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	j.goal.Registered = r.digest(j.goal)
	if j.goal.Former.Rotating() {
		j.goal.Former.Until = r.now().UTC().Add(formerFor)
	}
	saved, err := r.store.Tenant(j.tenant).Update(sctx, j.goal)
	if err != nil {
		j.fail(FieldName, fmt.Errorf("done at Productboard, but not written down here; apply again in a minute: %w", err))
		return false
	}
	j.goal, j.stored = saved, &saved
	return true
}

func (r *Registrar) pbAction(in tenants.Integration) pbapi.Action {
	return pbapi.Action{URL: r.ActionURL(in.ID), Authorization: in.ActionAuth}
}

// digest stands for what Productboard was told and never shows again.
func (r *Registrar) digest(in tenants.Integration) string {
	action := r.pbAction(in)
	sum := sha256.Sum256([]byte(action.URL + "\n" + action.Authorization.Reveal()))
	return hex.EncodeToString(sum[:])
}

func status(in tenants.Integration) pbapi.IntegrationStatus {
	if in.Disabled {
		return pbapi.Disabled
	}
	return pbapi.Enabled
}

// difference returns what to change at Productboard of what it shows.
func difference(existing pbapi.Integration, goal tenants.Integration) (change pbapi.IntegrationUpdate, names []string) {
	if existing.Name != goal.Name {
		change.Name, names = &goal.Name, append(names, "name")
	}
	if existing.Label != goal.ButtonLabel {
		change.Label, names = &goal.ButtonLabel, append(names, "button label")
	}
	if s := status(goal); existing.Status != s {
		change.Status, names = &s, append(names, string(s))
	}
	return change, names
}

// sameRecord compares what is kept here alone; the rest is compared with
// Productboard.
func sameRecord(a, b tenants.Integration) bool {
	return reflect.DeepEqual(a.Target, b.Target) && reflect.DeepEqual(a.Productboard, b.Productboard) &&
		a.Answer == b.Answer && a.OnUnlink == b.OnUnlink && a.Refresh == b.Refresh && a.HookMode() == b.HookMode()
}
