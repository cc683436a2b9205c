package azuredevops

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
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

// IsPublic implements targets.PublicPlace. A token for work items alone may not
// ask.
func (d *driver) IsPublic(ctx context.Context) (bool, error) {
	var p project
	err := d.get(ctx, "read project", d.address("/_apis/projects/"+escape(d.cfg.project), nil), &p)
	return err == nil && p.Visibility == "public", err
}

// Choices implements targets.Chooser.
func (d *driver) Choices(ctx context.Context, setting string) ([]targets.Choice, error) {
	const op = "list choices"
	var out []targets.Choice
	switch setting {
	case setProject:
		var all list[project]
		err := d.get(ctx, op, d.address("/_apis/projects", url.Values{"$top": {"500"}}), wire.List(&all, 500))
		for _, p := range all.Value {
			out = append(out, targets.Choice{Value: p.Name})
		}
		return out, err
	case setType:
		var all list[workItemType]
		err := d.get(ctx, op, d.wit("workitemtypes", nil), wire.List(&all, manyFields))
		for _, t := range all.Value {
			if !t.Off {
				out = append(out, targets.Choice{Value: t.Name})
			}
		}
		return out, err
	case setAreaPath:
		return d.paths(ctx, op, "areas")
	case setIterationPath:
		return d.paths(ctx, op, "iterations")
	default:
		return nil, nil
	}
}

// How much is expected of lists that Azure DevOps gives whole: the fields of an
// organization or of a type, with the values of each and the form they stand in;
// a type's states; areas or iterations.
const (
	manyFields = 500
	manyStates = 50
	manyNodes  = 500
)

// maxDepth is how deep Azure DevOps lets areas and iterations nest.
const maxDepth = 14

func (d *driver) paths(ctx context.Context, op, group string) ([]targets.Choice, error) {
	var root node
	query := url.Values{"$depth": {fmt.Sprint(maxDepth)}}
	if err := d.get(ctx, op, d.wit("classificationnodes/"+group, query), wire.List(&root, manyNodes)); err != nil {
		return nil, err
	}
	var out []targets.Choice
	var walk func(node, string, int)
	walk = func(n node, above string, depth int) {
		path := strings.TrimPrefix(above+`\`+n.Name, `\`)
		out = append(out, targets.Choice{Value: path})
		if depth < maxDepth {
			for _, child := range n.Children {
				walk(child, path, depth+1)
			}
		}
	}
	walk(root, "", 0)
	return out, nil
}
