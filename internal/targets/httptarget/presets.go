package httptarget

import (
	"fmt"
	"maps"
	"slices"

	"github.com/goccy/go-yaml"

	ready "pushbutton/config/targets"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/text"
)

// Preset is a ready-made description.
type Preset struct {
	// Name is what settings.preset says ("trello"); Title is for people.
	Name, Title string
	// Variables are the settings.vars it takes, Secrets its credentials.
	Variables, Secrets []settings.Field
	// Guide tells an admin what it needs.
	Guide targets.Guide

	settings settings.Values
}

// Presets lists the ready-made descriptions by name. Its error is a mistake
// in one of the files that are built in.
func Presets() ([]Preset, error) {
	var out []Preset
	for _, name := range presetNames() {
		p, err := presetNamed(name)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func presetNames() []string { return ready.Names() }

const (
	preVariables = "variables"
	preSecrets   = "secrets"
	preGuide     = "guide"
)

// presetFields are what a file may hold: a description, and what it needs.
func presetFields() []settings.Field {
	named := []settings.Field{
		{Name: "name", Required: true}, {Name: "help", Required: true}, {Name: "example", Required: true}, {Name: "default"},
		{Name: "required", Type: settings.TypeBool}, {Name: "type", Enum: []string{string(settings.TypeString), string(settings.TypeURL), string(settings.TypeInt)}}}
	return append(description(),
		settings.Field{Name: preVariables, Type: settings.TypeObjects, Fields: named},
		settings.Field{Name: preSecrets, Type: settings.TypeObjects, Fields: named},
		settings.Field{Name: preGuide, Type: settings.TypeObject, Required: true, Fields: []settings.Field{
			{Name: "permissions", Required: true}, {Name: "token", Required: true}, {Name: "notes", Type: settings.TypeList}}})
}

// presetNamed reads one; the empty name returns the empty preset.
func presetNamed(name string) (Preset, error) {
	if name == "" {
		return Preset{}, nil
	}
	text, err := ready.Read(name)
	if err != nil {
		return Preset{}, err
	}
	var raw map[string]any
	if err := yaml.Unmarshal(text, &raw); err != nil {
		return Preset{}, fmt.Errorf("the description %s: %w", name, err)
	}
	v, errs := settings.Decode("settings", presetFields(), raw)
	if len(errs) > 0 {
		return Preset{}, fmt.Errorf("the description %s: %w", name, errs)
	}
	fields := func(key string, secret bool) (out []settings.Field) {
		for _, f := range v.Objects(key) {
			out = append(out, settings.Field{Name: f.String("name"), Help: f.String("help"), Example: f.String("example"), Default: f.String("default"),
				Required: f.Bool("required"), Type: settings.FieldType(f.String("type")), Secret: secret})
		}
		return out
	}
	guide := v.Object(preGuide)
	p := Preset{Name: name, Title: v.String(setName), Variables: fields(preVariables, false), Secrets: fields(preSecrets, true), settings: v,
		Guide: targets.Guide{Permissions: guide.String("permissions"), Token: guide.String("token"), Notes: guide.List("notes")}}
	for _, key := range []string{preVariables, preSecrets, preGuide} {
		delete(v, key)
	}
	return p, nil
}

// resolve puts settings over the preset that they name, and returns them with
// their variables.
func resolve(own settings.Values) (settings.Values, map[string]string, settings.FieldErrors) {
	name := own.String(setPreset)
	if name == "" {
		return own, own.Map(setVars), validNames(own.Map(setVars))
	}
	p, err := presetNamed(name)
	if err != nil {
		return nil, nil, settings.FieldErrors{{Path: "settings." + setPreset, Message: err.Error()}}
	}
	given := map[string]any{}
	for k, v := range own.Map(setVars) {
		given[k] = v
	}
	vars, errs := settings.Decode("settings."+setVars, p.Variables, given)
	if len(errs) > 0 {
		return nil, nil, errs
	}
	out := maps.Clone(p.settings)
	for _, f := range allSettings() {
		if v, ok := own[f.Name]; ok {
			out[f.Name] = v
		}
	}
	if own[setReadMany] == nil && (own[setRead] != nil || own[setIssue] != nil) {
		delete(out, setReadMany) // its answers may not have what is read of an issue now
	}
	texts := map[string]string{}
	for _, f := range p.Variables {
		if v, ok := vars[f.Name]; ok {
			texts[f.Name] = fmt.Sprint(v)
		} else {
			texts[f.Name] = ""
		}
	}
	return out, texts, nil
}

func validNames(vars map[string]string) settings.FieldErrors {
	var errs settings.FieldErrors
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if !settings.ValidName(name) {
			errs = append(errs, settings.FieldError{Path: "settings." + setVars, Message: fmt.Sprintf("has the name %q; letters, digits, - and _ are possible", text.Title(name, 64))})
		}
	}
	return errs
}
