package shortcut

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Fields that every story has and that people map.
const (
	fieldEstimate = "estimate"
	fieldDeadline = "deadline"
)

// ListFields implements targets.FieldLister. Shortcut requires none, and all
// of its custom fields are lists of options.
func (d *driver) ListFields(ctx context.Context) ([]targets.FieldInfo, error) {
	out := []targets.FieldInfo{
		{ID: fieldEstimate, Name: "Estimate", Type: targets.ValueNumber},
		{ID: fieldDeadline, Name: "Deadline", Type: targets.ValueDate},
	}
	all, err := list[customField](ctx, d.client, "read custom fields", http.MethodGet, "/custom-fields", nil)
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		if !f.Enabled || len(f.Types) > 0 && !slices.Contains(f.Types, d.cfg.typ) {
			continue
		}
		info := targets.FieldInfo{ID: f.ID, Name: f.Name, Type: targets.ValueOption}
		for _, v := range f.Values {
			if v.Enabled {
				info.Options = append(info.Options, targets.Option{ID: v.ID, Name: v.Value})
			}
		}
		out = append(out, info)
	}
	return out, nil
}

// fill puts custom fields into a story.
func fill(s *write, fields []targets.FieldValue) error {
	for _, f := range fields {
		value := f.Values[0]
		switch f.Field.ID {
		case fieldEstimate:
			n, err := strconv.Atoi(value)
			if err != nil {
				return wire.Invalid("read estimate", "Shortcut: field \"Estimate\" takes a whole number, not %q. Change the value in Productboard, or ask your admin to change settings.fields.", text.Title(value, 60))
			}
			s.Estimate = &n
		case fieldDeadline:
			at, err := time.Parse(time.DateOnly, value)
			if err != nil {
				return wire.Invalid("read deadline", "Shortcut: field \"Deadline\" takes a date, not %q.", text.Title(value, 60))
			}
			s.Deadline = at.Format(time.RFC3339)
		default:
			s.Fields = append(s.Fields, fieldValue{Field: f.Field.ID, Value: value})
		}
	}
	return nil
}
