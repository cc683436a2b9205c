package targets

import "strings"

// Item is the Productboard entity that was pushed, as far as a mapping can
// use it. Its exported fields are what templates see.
type Item struct {
	// ID is the entity's UUID; Type is "feature", "component", ...
	ID, Type string
	Name     string
	// HTML is the description as Productboard wrote it, not sanitised.
	HTML string
	// Link is the entity's page in Productboard.
	Link   string
	Status string
	Tags   []string
	Owner  Person
	// Pusher is who clicked; empty if Productboard did not say.
	Pusher Person
	// Fields holds every field by its id, and custom ones by their name too,
	// if names were asked for.
	Fields map[string]FieldText
}

// Person is a member of the workspace; each part may be missing.
type Person struct{ Name, Email string }

// String is "Jane Doe <jane@example.com>", or as much of it as is known.
func (p Person) String() string {
	switch {
	case p.Name == "":
		return p.Email
	case p.Email == "" || strings.EqualFold(p.Name, p.Email):
		return p.Name
	default:
		return p.Name + " <" + p.Email + ">"
	}
}

// FieldText is a field's value as people read it: one text, several for a
// field that holds several, or rich text.
type FieldText struct {
	Texts []string
	// HTML is set for rich text only, and Texts then is not.
	HTML string
}

// field finds a field by its id, or by its name whatever its case.
func (i Item) field(name string) FieldText {
	if f, ok := i.Fields[name]; ok {
		return f
	}
	for known, f := range i.Fields {
		if strings.EqualFold(known, name) {
			return f
		}
	}
	return FieldText{}
}
