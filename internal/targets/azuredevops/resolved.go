package azuredevops

import (
	"context"
	"errors"
	"slices"
	"sync"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/wire"
)

// resolved holds the ids that the settings stand for in this project.
type resolved struct {
	// typ is the type's name as the project writes it.
	typ string
	// description is the field that takes the description.
	description string
	// fields are the type's.
	fields []typeField

	// What follows is nil until asked for; mu guards it.
	mu     sync.Mutex
	states map[string][]state // by type; an item may be of another than new ones
	all    map[string]field   // of the whole project, by reference name
}

func (d *driver) resolveSettings(ctx context.Context) (*resolved, error) {
	const op = "read work item type"
	var t workItemType
	err := d.get(ctx, op, d.wit("workitemtypes/"+escape(d.cfg.typ), nil), wire.List(&t, manyFields))
	switch {
	case err != nil:
		return nil, err
	case t.Name == "":
		return nil, notAzure(op, errors.New("the answer names no type"))
	case t.Off:
		return nil, wire.Invalid(op, "Azure DevOps: the work item type %q is switched off in project %s. Ask your admin to name another in settings.type.", t.Name, d.cfg.project)
	}
	res := &resolved{typ: t.Name, description: d.cfg.description, fields: t.Fields}
	switch {
	case res.description == "":
		res.description = fieldDescription
		if res.has(fieldReproSteps) {
			res.description = fieldReproSteps
		}
	case !res.has(res.description):
		return nil, wire.Invalid(op, "Azure DevOps: work item type %q has no field %q. Ask your admin to correct settings.descriptionField (the reference name).", t.Name, res.description)
	}
	return res, nil
}

func (r *resolved) has(ref string) bool {
	return slices.ContainsFunc(r.fields, func(f typeField) bool { return f.Ref == ref })
}

// statesOf lists the states of a work item type, in the process's order. A
// type that is gone, or of a project that an item was moved to, has none.
func (d *driver) statesOf(ctx context.Context, typ string) ([]state, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return nil, err
	}
	res.mu.Lock()
	known, ok := res.states[typ]
	res.mu.Unlock()
	if ok {
		return known, nil
	}
	var states list[state]
	err = d.get(ctx, "read states", d.preview("workitemtypes/"+escape(typ)+"/states"), wire.List(&states, manyStates))
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	res.mu.Lock()
	defer res.mu.Unlock()
	if res.states == nil {
		res.states = map[string][]state{}
	}
	res.states[typ] = states.Value
	return states.Value, nil
}

// allFields describes the project's fields: a type's own list leaves out what
// they hold.
func (d *driver) allFields(ctx context.Context) (map[string]field, error) {
	const op = "read fields"
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return nil, err
	}
	res.mu.Lock()
	known := res.all
	res.mu.Unlock()
	if known != nil {
		return known, nil
	}
	var all list[field]
	if err := d.get(ctx, op, d.wit("fields", nil), wire.List(&all, manyFields)); err != nil {
		return nil, err
	}
	if len(all.Value) == 0 {
		return nil, notAzure(op, errors.New("the answer holds no list"))
	}
	byRef := make(map[string]field, len(all.Value))
	for _, f := range all.Value {
		byRef[f.Ref] = f
	}
	res.mu.Lock()
	res.all = byRef
	res.mu.Unlock()
	return byRef, nil
}
