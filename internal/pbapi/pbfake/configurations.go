package pbfake

import (
	"slices"
)

// Custom fields of the demo workspace.
const (
	FieldImpact     = "5d1c7b7e-43f0-4f43-9a53-1f0f3a6d7c01" // number
	FieldSegment    = "5d1c7b7e-43f0-4f43-9a53-1f0f3a6d7c02" // single select
	FieldAcceptance = "5d1c7b7e-43f0-4f43-9a53-1f0f3a6d7c03" // rich text
	FieldGoLive     = "5d1c7b7e-43f0-4f43-9a53-1f0f3a6d7c04" // date
)

// Field describes a field of an entity type.
type Field struct {
	ID, Name string
	// Schema is the JSON Schema of its value.
	Schema map[string]any
	// Required and MaxLength (characters, 0: not said) are its constraints.
	Required  bool
	MaxLength int
}

type schema = map[string]any

func textSchema() schema { return schema{"type": "string"} }

func objectSchema(required ...any) schema {
	properties := schema{}
	for _, name := range required {
		properties[name.(string)] = textSchema()
	}
	return schema{"type": "object", "required": required, "properties": properties}
}

// FieldsOf lists the fields of a type in the demo workspace. Which fields
// there are differs by type here as it does in Productboard.
func FieldsOf(entityType string) []Field {
	fields := []Field{{ID: "name", Name: "Name", Schema: textSchema(), Required: true, MaxLength: 255}}
	if entityType == "user" || entityType == "company" {
		return append(fields, Field{ID: "description", Name: "Description", Schema: textSchema()})
	}
	option := objectSchema("id", "name")
	fields = append(fields,
		Field{ID: "description", Name: "Description", Schema: textSchema(), MaxLength: maxFieldText},
		Field{ID: "owner", Name: "Owner", Schema: objectSchema("id", "email")},
		Field{ID: "archived", Name: "Archived", Schema: schema{"type": "boolean"}},
	)
	if entityType == "product" || entityType == "component" {
		return fields
	}
	fields = append(fields,
		Field{ID: "status", Name: "Status", Schema: option},
		Field{ID: "timeframe", Name: "Timeframe", Schema: schema{"type": "object"}},
		Field{ID: "teams", Name: "Teams", Schema: schema{"type": "array", "items": option}},
	)
	if slices.Contains([]string{"feature", "subfeature", "initiative"}, entityType) {
		fields = append(fields,
			Field{ID: "tags", Name: "Tags", Schema: schema{"type": "array", "items": option}},
			Field{ID: "effort", Name: "Effort", Schema: schema{"type": "number"}},
			Field{ID: FieldImpact, Name: "Impact", Schema: schema{"type": "number"}},
			Field{ID: FieldSegment, Name: "Customer segment", Schema: option},
			Field{ID: FieldAcceptance, Name: "Acceptance criteria", Schema: textSchema(), MaxLength: maxFieldText},
			Field{ID: FieldGoLive, Name: "Go-live date", Schema: schema{"type": "string", "format": "date"}},
		)
	}
	return fields
}

// parentsOf lists the types that the parent of a type can have. Components
// nest in components.
func parentsOf(entityType string) []string {
	switch entityType {
	case "component":
		return []string{"product", "component"}
	case "feature":
		return []string{"product", "component"}
	case "subfeature":
		return []string{"feature"}
	case "objective":
		return []string{"objective"}
	case "keyResult":
		return []string{"objective"}
	case "release":
		return []string{"releaseGroup"}
	case "user":
		return []string{"company"}
	default:
		return nil
	}
}

func (f *Fake) getConfiguration(c *call) (any, *apiError) {
	entityType := c.r.PathValue("type")
	if !slices.Contains(EntityTypes(), entityType) {
		return nil, badParameter("type", "The entity type '"+cut(entityType, 50)+"' is not known.")
	}
	return map[string]any{"data": f.configuration(c, entityType)}, nil
}

func (f *Fake) listConfigurations(c *call) (any, *apiError) {
	types := c.query["type[]"]
	if len(types) == 0 {
		types = EntityTypes()
	}
	out := []any{}
	for _, t := range types {
		if !slices.Contains(EntityTypes(), t) {
			return nil, badParameter("type[]", "The entity type '"+cut(t, 50)+"' is not known.")
		}
		out = append(out, f.configuration(c, t))
	}
	return listReply{Data: out}, nil
}

func (f *Fake) configuration(c *call, entityType string) map[string]any {
	self := f.link(c.r, "/entities/configurations/"+entityType)
	fields := map[string]any{}
	for _, field := range FieldsOf(entityType) {
		constraints := map[string]any{"required": field.Required}
		if field.MaxLength > 0 {
			constraints["maxLength"] = field.MaxLength
		}
		set := map[string]any{"set": true}
		fields[field.ID] = map[string]any{
			"id": field.ID, "name": field.Name, "path": "/fields/" + field.ID, "schema": field.Schema,
			"lifecycle":   map[string]any{"create": set, "update": set, "patch": set},
			"constraints": constraints,
			"links":       map[string]any{"self": self},
		}
	}
	relationships := map[string]any{
		"link": map[string]any{"targetType": []string{"initiative", "release", "feature"}, "cardinality": "multiple", "mandatory": false},
	}
	if parents := parentsOf(entityType); parents != nil {
		relationships["parent"] = map[string]any{
			"targetType": parents, "cardinality": "single", "mandatory": entityType == "subfeature" || entityType == "component",
		}
	}
	return map[string]any{
		"type": entityType, "fields": fields, "relationships": relationships,
		"filters": []any{
			map[string]any{"name": "name", "field": "name", "schema": textSchema()},
			map[string]any{"name": "parent[id]", "relationship": "parent", "schema": schema{"type": "string", "format": "uuid"}},
		},
		"links": map[string]any{"self": self},
	}
}
