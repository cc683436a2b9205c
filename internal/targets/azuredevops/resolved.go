package azuredevops

import (
	"context"
	"errors"
	"slices"
	"sync"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// plan is what the settings mean in this project.
type plan struct {
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

// planner finds the plan and keeps it.
type planner struct {
	client
	memo targets.Memo[*plan]
}

func (p *planner) get(ctx context.Context) (*plan, error) { return p.memo.Get(ctx, p.load) }

func (p *planner) forget() { p.memo.Forget() }

func (p *planner) load(ctx context.Context) (*plan, error) {
	const op = "read work item type"
	var t workItemType
	err := p.client.get(ctx, op, p.wit("workitemtypes/"+escape(p.cfg.typ), nil), wire.List(&t, manyFields))
	switch {
	case err != nil:
		return nil, err
	case t.Name == "":
		return nil, notAzure(op, errors.New("the answer names no type"))
	case t.Off:
		return nil, invalid(op, "Azure DevOps: the work item type %q is switched off in project %s. Ask your admin to name another in settings.type.", t.Name, p.cfg.project)
	}
	made := &plan{typ: t.Name, description: p.cfg.description, fields: t.Fields}
	switch {
	case made.description == "":
		made.description = fieldDescription
		if made.has(fieldReproSteps) {
			made.description = fieldReproSteps
		}
	case !made.has(made.description):
		return nil, invalid(op, "Azure DevOps: work item type %q has no field %q. Ask your admin to correct settings.descriptionField (the reference name).", t.Name, made.description)
	}
	return made, nil
}

func (p *plan) has(ref string) bool {
	return slices.ContainsFunc(p.fields, func(f typeField) bool { return f.Ref == ref })
}

// statesOf lists the states of a work item type, in the process's order. A
// type that is gone, or of a project that an item was moved to, has none.
func (p *planner) statesOf(ctx context.Context, typ string) ([]state, error) {
	now, err := p.get(ctx)
	if err != nil {
		return nil, err
	}
	now.mu.Lock()
	known, ok := now.states[typ]
	now.mu.Unlock()
	if ok {
		return known, nil
	}
	var states list[state]
	err = p.client.get(ctx, "read states", p.preview("workitemtypes/"+escape(typ)+"/states"), wire.List(&states, manyStates))
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	now.mu.Lock()
	defer now.mu.Unlock()
	if now.states == nil {
		now.states = map[string][]state{}
	}
	now.states[typ] = states.Value
	return states.Value, nil
}

// allFields describes the project's fields: a type's own list leaves out what
// they hold.
func (p *planner) allFields(ctx context.Context) (map[string]field, error) {
	const op = "read fields"
	now, err := p.get(ctx)
	if err != nil {
		return nil, err
	}
	now.mu.Lock()
	known := now.all
	now.mu.Unlock()
	if known != nil {
		return known, nil
	}
	var all list[field]
	if err := p.client.get(ctx, op, p.wit("fields", nil), wire.List(&all, manyFields)); err != nil {
		return nil, err
	}
	if len(all.Value) == 0 {
		return nil, notAzure(op, errors.New("the answer holds no list"))
	}
	made := make(map[string]field, len(all.Value))
	for _, f := range all.Value {
		made[f.Ref] = f
	}
	now.mu.Lock()
	now.all = made
	now.mu.Unlock()
	return made, nil
}
