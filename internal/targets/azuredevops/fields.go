package azuredevops

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Reference names of the fields that the driver fills itself.
const (
	fieldTitle       = "System.Title"
	fieldDescription = "System.Description"
	fieldReproSteps  = "Microsoft.VSTS.TCM.ReproSteps"
	fieldTags        = "System.Tags"
	fieldProject     = "System.TeamProject"
	fieldState       = "System.State"
	fieldType        = "System.WorkItemType"
	fieldArea        = "System.AreaPath"
	fieldIteration   = "System.IterationPath"
	fieldAssignedTo  = "System.AssignedTo"
	fieldHistory     = "System.History"
)

// ours returns the fields that other settings fill, or that no new item takes.
func ours() []string {
	return []string{fieldTitle, fieldTags, fieldState, fieldType, fieldArea, fieldIteration, fieldAssignedTo, fieldHistory,
		"System.Reason", "System.AreaId", "System.IterationId", "System.TeamProject", "System.Id", "System.Rev",
		"System.CreatedBy", "System.CreatedDate", "System.ChangedBy", "System.ChangedDate", "System.BoardColumn", "System.BoardLane"}
}

// ListFields implements targets.FieldLister. What the type always requires
// stands in its list; what a rule of the process requires besides shows in a
// rehearsed create.
func (d *driver) ListFields(ctx context.Context) ([]targets.FieldInfo, error) {
	const op = "read fields of the type"
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return nil, err
	}
	all, err := d.allFields(ctx)
	if err != nil {
		return nil, err
	}
	var ofType list[typeField]
	if err := d.get(ctx, op, d.wit("workitemtypes/"+escape(res.typ)+"/fields", url.Values{"$expand": {"all"}}), wire.List(&ofType, manyFields)); err != nil {
		return nil, err
	}
	if ofType.Value == nil {
		return nil, notAzure(op, errors.New("the answer holds no list"))
	}
	rules := rulesOf(d.rehearse(ctx, res, targets.Draft{}))
	skipped := append(ours(), res.description)
	var out []targets.FieldInfo
	for _, f := range ofType.Value {
		native, known := all[f.Ref]
		if !known || native.ReadOnly || slices.Contains(skipped, f.Ref) {
			continue
		}
		info, ok := describe(f, native)
		if !ok {
			continue
		}
		info.Required = f.Required && f.Default == nil ||
			slices.ContainsFunc(rules, func(r rule) bool { return r.Ref == f.Ref && r.missing() })
		out = append(out, info)
	}
	return out, nil
}

// describe says what a field holds; ok is false for what people do not fill.
func describe(f typeField, native field) (info targets.FieldInfo, ok bool) {
	info = targets.FieldInfo{ID: f.Ref, Name: f.Name}
	switch native.Type {
	case "string":
		info.Type = targets.ValueText
	case "plainText", "html":
		info.Type, info.Plain = targets.ValueLongText, native.Type == "plainText"
	case "integer", "double":
		info.Type = targets.ValueNumber
	case "boolean":
		info.Type = targets.ValueBool
	case "dateTime":
		// Most of them are shown as days, and a day is what an item has.
		info.Type = targets.ValueDate
	case "identity":
		info.Type = targets.ValuePerson
	case "picklistString", "picklistInteger", "picklistDouble":
		info.Type = targets.ValueOption
	default: // history, guid, treePath
		return info, false
	}
	if native.Identity {
		info.Type = targets.ValuePerson
	}
	options := optionsOf(f.Allowed)
	switch info.Type { //nolint:exhaustive // the others have no options
	case targets.ValueText, targets.ValueNumber:
		if len(options) > 0 && !native.Suggested {
			info.Type, info.Options = targets.ValueOption, options
		}
	case targets.ValueOption:
		info.Options = options
		if len(options) == 0 || native.Suggested {
			info.Type = targets.ValueText // the list is only a proposal, or not shown
		}
	}
	if info.Type == targets.ValueText {
		info.Max = maxLine
	}
	return info, true
}

func optionsOf(allowed []any) []targets.Option {
	var out []targets.Option
	for _, v := range allowed {
		var s string
		switch v := v.(type) {
		case string:
			s = v
		case float64:
			s = strconv.FormatFloat(v, 'f', -1, 64)
		}
		// "<None>" is what Azure DevOps proposes for fields that take any text.
		if s != "" && !strings.HasPrefix(s, "<") {
			out = append(out, targets.Option{ID: s, Name: s})
		}
	}
	return out
}

// encode returns a value the JSON type that the field wants.
func encode(f targets.FieldValue, native field) any {
	value := strings.Join(f.Values, "; ")
	switch native.Type {
	case "integer", "double", "picklistInteger", "picklistDouble":
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			return n
		}
	case "boolean":
		return value == "true"
	}
	return value
}
