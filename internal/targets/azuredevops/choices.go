package azuredevops

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

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
