package pbapi

import (
	"bytes"
	"encoding/json"
	"strings"
)

// The ids of fields that have the same meaning in every workspace.
const (
	FieldName        = "name"
	FieldDescription = "description"
	FieldStatus      = "status"
	FieldOwner       = "owner"
	FieldTags        = "tags"
)

// redacted is what Productboard puts in the place of personal data that the
// token may not see (members:pii:read, users:pii:read).
const redacted = "[redacted]"

// Name is the entity's name, "" if there is none or the token may not see it.
func (e Entity) Name() string { return e.Text(FieldName) }

// Description is rich text: Productboard's HTML, up to 524,288 characters, not
// sanitised.
func (e Entity) Description() string {
	var html string
	_ = json.Unmarshal(e.Fields[FieldDescription], &html) // not a string: no description
	return html
}

// Status is the status' name.
func (e Entity) Status() string { return e.Text(FieldStatus) }

// Owner is the owner's email address, "" if there is none or the token may not
// see it.
func (e Entity) Owner() string {
	var owner struct {
		Email any `json:"email"`
	}
	_ = json.Unmarshal(e.Fields[FieldOwner], &owner) // not a member: no owner
	return text(owner.Email)
}

// Tags are the names of the tags.
func (e Entity) Tags() []string {
	var items []any
	_ = json.Unmarshal(e.Fields[FieldTags], &items) // not a list: no tags
	return texts(items)
}

// Text returns the value of any field as people read it. That is a text as it
// is (rich text as HTML), a number, "yes" or "no", or the name of a choice, a
// status or a team. A member is an address, a time frame "from to until", and a
// list is joined by commas. It is "" for a field that is missing, null, or of a
// shape that is not known.
func (e Entity) Text(fieldID string) string {
	raw := e.Fields[fieldID]
	if len(raw) == 0 {
		return ""
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber() // as written: 0.1 stays 0.1, and a long id keeps its digits
	var v any
	if d.Decode(&v) != nil {
		return ""
	}
	return text(v)
}

// Texts returns the values of a field that holds several, each as Text returns it;
// any other field is one value, or none.
func (e Entity) Texts(fieldID string) []string {
	var items []any
	d := json.NewDecoder(bytes.NewReader(e.Fields[fieldID]))
	d.UseNumber()
	if d.Decode(&items) == nil {
		return texts(items)
	}
	if s := e.Text(fieldID); s != "" {
		return []string{s}
	}
	return nil
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		if v == redacted {
			return ""
		}
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case []any:
		return strings.Join(texts(v), ", ")
	case map[string]any:
		return textOfObject(v)
	}
	return ""
}

func texts(items []any) []string {
	var out []string
	for _, item := range items {
		if s := text(item); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// textOfObject knows the published values: status, choice and team have a name,
// and a member has an email. Numbers with a mode and work progress have a
// value, health a status, progress a current value, and a time frame two dates.
func textOfObject(v map[string]any) string {
	for _, key := range []string{"name", "email", "value", "status", "currentValue"} {
		if s := text(v[key]); s != "" {
			return s
		}
	}
	start, end := text(v["startDate"]), text(v["endDate"])
	if start != "" && end != "" {
		return start + " to " + end
	}
	return start + end
}
