package targets

import (
	"context"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/templates"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// ValueType is the type of value of a tracker's field.
type ValueType string

// The types of fields, and the form of their values in a FieldValue.
const (
	ValueText     ValueType = "text"     // any text, one line
	ValueLongText ValueType = "longtext" // any text, as FieldRenderer wrote it
	ValueNumber   ValueType = "number"   // decimal digits, with "." and "-" as needed
	ValueBool     ValueType = "bool"     // "true" or "false"
	ValueDate     ValueType = "date"     // "2006-01-02"
	ValueTime     ValueType = "time"     // RFC 3339
	ValueOption   ValueType = "option"   // an Option's ID
	ValuePerson   ValueType = "person"   // an account, as People found it
	ValueURL      ValueType = "url"      // http or https
)

// FieldInfo describes a field that a new issue takes.
type FieldInfo struct {
	// ID is what the API calls it, Name what people do.
	ID, Name string
	// Type is empty for a field that the driver cannot fill.
	Type ValueType
	// Multiple is set for a field that takes a list.
	Multiple bool
	// Required is set if the tracker refuses an issue without it; a field
	// that the driver fills itself, or that has a default, is not required.
	Required bool
	// Max is the most characters of a text that is written as it is; 0: not
	// known.
	Max int
	// Plain is set for a ValueLongText that shows markup as text.
	Plain bool
	// Options are what an option field takes.
	Options []Option
}

// Option is one choice of a field.
type Option struct{ ID, Name string }

// FieldValue is a field and the values to give it, at least one; more than one
// only if the field is Multiple.
type FieldValue struct {
	Field  FieldInfo
	Values []string
}

func (t *Target) listFields(ctx context.Context) ([]FieldInfo, error) {
	lister, ok := Ability[FieldLister](t.driver)
	if !ok {
		return nil, nil
	}
	return t.fields.Get(ctx, func(ctx context.Context) ([]FieldInfo, error) {
		fields, err := lister.ListFields(ctx)
		if err != nil {
			return nil, wire.Sure(err)
		}
		return fields, nil
	})
}

// checkFields compares the mapping with what the tracker takes and requires.
func (t *Target) checkFields(ctx context.Context) error {
	if _, ok := Ability[FieldLister](t.driver); !ok {
		return nil
	}
	t.fields.Forget()
	known, err := t.listFields(ctx)
	if err != nil {
		return err
	}
	mapped := map[string]bool{}
	for _, f := range t.opts.mapping.fields {
		info, err := t.pickField(known, f.name)
		if err != nil {
			return err
		}
		mapped[info.ID] = true
		if err := t.tryConstant(ctx, info, f); err != nil {
			return err
		}
	}
	for _, f := range known {
		if f.Required && f.Type == "" {
			return t.fieldFault("field %q is required%s, and this plugin cannot fill it. Ask your admin to have it made optional there, or given a default.", f.Name, t.in())
		}
		if f.Required && !mapped[f.ID] {
			return t.fieldFault("field %q is required%s. Ask your admin to map it in settings.fields.", f.Name, t.in())
		}
	}
	return nil
}

// tryConstant converts a value that names no field of the item, so that a
// wrong one shows before the first click.
func (t *Target) tryConstant(ctx context.Context, info FieldInfo, f fieldTemplate) error {
	if f.value.takesItem {
		return nil
	}
	written, err := f.value.run(templates.NewBudget(ctx), Item{})
	if err != nil || info.Type == ValuePerson || info.Type == ValueLongText {
		return nil //nolint:nilerr // seen when the template was parsed
	}
	for _, v := range text.Lines(written) {
		if _, err := t.convert(info, v); err != nil {
			return err
		}
	}
	return nil
}

func (t *Target) in() string {
	if t.traits.Place == "" {
		return ""
	}
	return " in " + t.traits.Place
}

func (t *Target) fieldFault(format string, args ...any) *fault.Error {
	return &fault.Error{Kind: fault.Invalid, Public: t.traits.Name + ": " + fmt.Sprintf(format, args...)}
}

func (t *Target) pickField(known []FieldInfo, name string) (FieldInfo, error) {
	var names []string
	for _, f := range known {
		if f.ID == name {
			return f, t.fillable(f)
		}
		names = append(names, f.Name)
	}
	for _, f := range known {
		if strings.EqualFold(f.Name, name) {
			return f, t.fillable(f)
		}
	}
	return FieldInfo{}, t.fieldFault("there is no field %q%s%s. Ask your admin to correct settings.fields.", text.Cut(name, 60), t.in(), settings.Suggestion(name, names))
}

// fillable returns an error for a mapped field that the driver cannot fill.
func (t *Target) fillable(f FieldInfo) error {
	if f.Type == "" {
		return t.fieldFault("field %q is of a kind that this plugin cannot fill. Ask your admin to take it out of settings.fields.", f.Name)
	}
	return nil
}

// fillFields converts custom fields to the form that their types take. A field for
// which the item has no value is left out.
func (t *Target) fillFields(ctx context.Context, d *Draft) error {
	if _, ok := Ability[FieldLister](t.driver); !ok || len(d.unresolved.fields) == 0 {
		return nil
	}
	known, err := t.listFields(ctx)
	if err != nil {
		return err
	}
	d.Fields, d.warnings = nil, nil
	for _, r := range d.unresolved.fields {
		info, err := t.pickField(known, r.name)
		if err != nil {
			return err
		}
		values, err := t.fieldValues(ctx, d, info, r.value)
		if err != nil {
			return err
		}
		switch {
		case len(values) > 0:
			d.Fields = append(d.Fields, FieldValue{Field: info, Values: values})
		case info.Required:
			return t.fieldFault("field %q is required%s, and this item has no value for it. Fill it in Productboard, or ask your admin to change settings.fields.", info.Name, t.in())
		}
	}
	return nil
}

// fieldValues converts what the template of one field wrote.
func (t *Target) fieldValues(ctx context.Context, d *Draft, info FieldInfo, value templates.Composed) ([]string, error) {
	if text, ok := t.longValue(d, info, value); ok {
		if text == "" {
			return nil, nil
		}
		return []string{text}, nil
	}
	values := group(info, text.Lines(value.Plain()))
	if len(values) > maxFieldValues {
		d.warn("The field %q gets the first %d of %d values.", info.Name, maxFieldValues, len(values))
		values = values[:maxFieldValues]
	}
	var out []string
	for _, v := range values {
		converted, err := t.convertValue(ctx, info, v)
		if err != nil {
			return nil, err
		}
		if info.Type == ValueText {
			converted = t.cutLine(d, info, converted)
		}
		if converted != "" && !slices.Contains(out, converted) {
			out = append(out, converted)
		}
	}
	return out, nil
}

// group joins all values for a field that takes one.
func group(info FieldInfo, values []string) []string {
	if info.Multiple || len(values) < 2 {
		return values
	}
	switch info.Type {
	case ValueLongText:
		return []string{strings.Join(values, "\n")}
	case ValueText:
		return []string{strings.Join(values, ", ")}
	case ValueNumber, ValueBool, ValueDate, ValueTime, ValueOption, ValuePerson, ValueURL:
		return values[:1]
	default:
		return values[:1]
	}
}

func (t *Target) convertValue(ctx context.Context, info FieldInfo, v string) (string, error) {
	if info.Type == ValuePerson {
		return t.findPerson(ctx, v), nil // nobody: the field stays empty
	}
	return t.convert(info, v)
}

// convert returns one value in the form of its type.
func (t *Target) convert(info FieldInfo, v string) (string, error) {
	wrong := func(want string) error {
		return t.fieldFault("field %q takes %s, not %q. Change the value in Productboard, or ask your admin to change settings.fields.", info.Name, want, text.Cut(text.OneLine(v), 60))
	}
	switch info.Type {
	case ValueText:
		return text.OneLine(v), nil
	case ValueLongText:
		return v, nil
	case ValueNumber:
		if _, ok := new(big.Rat).SetString(v); !ok || strings.ContainsAny(v, "/eExX_") {
			return "", wrong("a number")
		}
		return v, nil
	case ValueBool:
		b, ok := truth(v)
		if !ok {
			return "", wrong("yes or no")
		}
		return strconv.FormatBool(b), nil
	case ValueDate, ValueTime:
		return convertTime(info.Type, v, wrong)
	case ValueURL:
		if u, err := url.Parse(v); err != nil || !text.WebAddress(v) || u.User != nil {
			return "", wrong("an address that starts with https:// or http://")
		}
		return v, nil
	case ValueOption:
		for _, o := range info.Options {
			if o.ID == v || strings.EqualFold(o.Name, v) {
				return o.ID, nil
			}
		}
		return "", wrong("one of " + optionNames(info.Options))
	case ValuePerson:
		return v, nil
	default:
		return "", wrong("something this plugin cannot give it")
	}
}

func truth(v string) (is, ok bool) {
	switch strings.ToLower(v) {
	case "yes", "true", "1", "on":
		return true, true
	case "no", "false", "0", "off":
		return false, true
	default:
		return false, false
	}
}

// convertTime takes dates, times, and Productboard's time frames ("2026-01-01
// to 2026-03-31"), of which the end is what a due date means.
func convertTime(want ValueType, v string, wrong func(string) error) (string, error) {
	if _, end, ok := strings.Cut(v, " to "); ok {
		v = end
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		at, err := time.Parse(layout, v)
		if err != nil {
			continue
		}
		if want == ValueDate {
			return at.Format(time.DateOnly), nil
		}
		return at.Format(time.RFC3339), nil
	}
	return "", wrong("a date such as 2026-01-31")
}

func optionNames(options []Option) string {
	const most = 8
	var names []string
	for _, o := range options {
		if len(names) == most {
			names = append(names, "...")
			break
		}
		names = append(names, o.Name)
	}
	return strings.Join(names, ", ")
}
