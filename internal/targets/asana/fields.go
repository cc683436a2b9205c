package asana

import (
	"context"
	"strconv"

	"pushbutton/internal/targets"
)

// Fields that every task has and that people map.
const (
	fieldDue   = "due_on"
	fieldStart = "start_on"
)

// maxFieldText is the length of a text field.
const maxFieldText = 1024

// ListFields implements targets.FieldLister. Asana requires none: what its
// forms require, its API does not ask for.
func (d *driver) ListFields(ctx context.Context) ([]targets.FieldInfo, error) {
	out := []targets.FieldInfo{
		{ID: fieldDue, Name: "Due date", Type: targets.ValueDate},
		{ID: fieldStart, Name: "Start date", Type: targets.ValueDate},
	}
	fields, err := d.customFields(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		if info, ok := describe(f); ok {
			out = append(out, info)
		}
	}
	return out, nil
}

// describe says what a field holds; ok is false for what Asana fills itself.
func describe(f customField) (info targets.FieldInfo, ok bool) {
	info = targets.FieldInfo{ID: f.GID, Name: f.Name}
	if f.Formula || f.ReadOnly || f.IDPrefix != "" {
		return info, false
	}
	switch f.Type {
	case "text":
		info.Type, info.Max = targets.ValueText, maxFieldText
	case "number":
		info.Type = targets.ValueNumber
	case "date":
		info.Type = targets.ValueDate
	case "people":
		info.Type, info.Multiple = targets.ValuePerson, true
	case "enum", "multi_enum":
		info.Type, info.Multiple = targets.ValueOption, f.Type == "multi_enum"
		for _, o := range f.Options {
			if o.Enabled {
				info.Options = append(info.Options, targets.Option{ID: o.GID, Name: o.Name})
			}
		}
	default: // reference
		return info, false
	}
	return info, true
}

// fill puts custom fields into a task, each in the form that its type wants.
func fill(t *write, fields []targets.FieldValue) {
	for _, f := range fields {
		switch f.Field.ID {
		case fieldDue:
			t.DueOn = f.Values[0]
			continue
		case fieldStart:
			t.StartOn = f.Values[0]
			continue
		}
		if t.Fields == nil {
			t.Fields = map[string]any{}
		}
		t.Fields[f.Field.ID] = encode(f)
	}
}

func encode(f targets.FieldValue) any {
	switch {
	case f.Field.Multiple:
		return f.Values
	case f.Field.Type == targets.ValueNumber:
		if n, err := strconv.ParseFloat(f.Values[0], 64); err == nil {
			return n
		}
	case f.Field.Type == targets.ValueDate:
		return dateValue{Date: f.Values[0]}
	}
	return f.Values[0]
}
