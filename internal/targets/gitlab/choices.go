package gitlab

import (
	"context"
	"net/url"
	"strconv"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Choices implements targets.Chooser: the projects that the account may use.
func (d *driver) Choices(ctx context.Context, setting string) ([]targets.Choice, error) {
	if setting != setProject {
		return nil, nil
	}
	q := url.Values{"membership": {"true"}, "archived": {"false"}, "with_issues_enabled": {"true"}, "min_access_level": {strconv.Itoa(rolePlanner)},
		"order_by": {"last_activity_at"}, "simple": {"true"}, "per_page": {strconv.Itoa(maxFound)}}
	var found []project
	if err := d.get(ctx, "list projects", "/projects?"+q.Encode(), wire.List(&found, 100)); err != nil {
		return nil, err
	}
	out := make([]targets.Choice, len(found))
	for i, p := range found {
		out[i] = targets.Choice{Value: p.Path, Title: p.Name}
	}
	return out, nil
}
