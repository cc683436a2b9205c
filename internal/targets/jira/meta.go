package jira

import "encoding/json"

// fieldMeta is a field of a screen. One without a schema is unknown: it can be
// seen and not filled.
type fieldMeta struct {
	ID         string         `json:"fieldId"`
	Name       string         `json:"name"`
	Required   bool           `json:"required"`
	HasDefault bool           `json:"hasDefaultValue"`
	Schema     fieldSchema    `json:"schema"`
	Allowed    []allowedValue `json:"allowedValues"`
}

// UnmarshalJSON never fails: apps add fields in forms of their own, and one of
// those must not hide the others. What cannot be read becomes unknown.
func (f *fieldMeta) UnmarshalJSON(raw []byte) error {
	type plain fieldMeta
	var read plain
	err := json.Unmarshal(raw, &read) // goes on behind what does not fit
	*f = fieldMeta(read)
	if err != nil {
		f.Schema, f.Allowed = fieldSchema{}, nil
	}
	return nil
}

type fieldSchema struct {
	Type   string `json:"type"`
	Items  string `json:"items"`
	System string `json:"system"`
	Custom string `json:"custom"`
}

// allowedValue is one choice; which of the names is filled depends on the field.
type allowedValue struct {
	ID       looseText      `json:"id"`
	Value    looseText      `json:"value"`
	Name     looseText      `json:"name"`
	Label    looseText      `json:"label"`
	Key      looseText      `json:"key"`
	Disabled bool           `json:"disabled"`
	Archived bool           `json:"archived"`
	Children []allowedValue `json:"children"`
}

func (a allowedValue) title() string {
	for _, t := range []looseText{a.Value, a.Name, a.Label, a.Key} {
		if t != "" {
			return string(t)
		}
	}
	return ""
}

// looseText is a text that may come as a number. It is empty for anything else.
type looseText string

// UnmarshalJSON never fails.
func (t *looseText) UnmarshalJSON(raw []byte) error {
	var s string
	var n json.Number
	switch {
	case json.Unmarshal(raw, &s) == nil:
		*t = looseText(s)
	case json.Unmarshal(raw, &n) == nil:
		*t = looseText(n)
	default:
		*t = ""
	}
	return nil
}
