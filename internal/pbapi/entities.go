package pbapi

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"time"

	"pushbutton/internal/outbound"
)

const scopeEntitiesRead = "entities:read"

// maxEntityFields bounds the fields of one GetEntity, so that the address
// stays one that proxies accept.
const maxEntityFields = 100

// maxDescription is the most characters of a description.
const maxDescription = 524_288

// configurations is the bound of what a workspace has set up: fields, each with
// a schema of its own.
func configurations() outbound.Bound { return outbound.Items(500) }

// Entity is a feature, a component, or any other of Productboard's items.
// Which fields it has depends on its type and its workspace, so they are kept
// as they came; the accessors read them tolerantly.
type Entity struct {
	ID string
	// Type is "feature", "subfeature", "component", "initiative", ...
	Type      string
	Fields    map[string]json.RawMessage
	Links     EntityLinks
	CreatedAt time.Time // zero if Productboard's text is not a time
	UpdatedAt time.Time // likewise
}

// EntityLinks are addresses of an entity, to be shown and not to be called.
type EntityLinks struct {
	Self string `json:"self"`
	// HTML is the entity's page; empty if the workspace has no domain yet.
	HTML string `json:"html"`
}

// GetEntity reads an entity: the fields that are named (by id: "name",
// "description", or a custom field's UUID), or without names all that are not
// empty.
func (s *Session) GetEntity(ctx context.Context, id string, fields ...string) (Entity, error) {
	const op = "get entity"
	r, err := entityRequest(op, id)
	if err != nil {
		return Entity{}, err
	}
	if slices.Contains(fields, "") || len(fields) > maxEntityFields {
		return Entity{}, invalidRequest(op, fmt.Sprintf("fields: at most %d names, none of them empty", maxEntityFields))
	}
	if len(fields) > 0 {
		r.query = url.Values{"fields[]": fields}
	}
	r.bound = outbound.Items(maxEntityFields).WithTexts(1, maxDescription)
	got, err := one[wireEntity](ctx, s, r)
	return got.entity(), err
}

// Relationship is a link from the entity that was asked about to another one.
type Relationship struct {
	// Type is "parent", "child", "link", "isBlockedBy" or "isBlocking".
	Type   string `json:"type"`
	Target struct {
		ID    string      `json:"id"`
		Type  string      `json:"type"`
		Links EntityLinks `json:"links"`
	} `json:"target"`
}

// ListRelationships returns what an entity is linked to. A component's parent
// can be a component again, at any depth.
func (s *Session) ListRelationships(ctx context.Context, id string) iter.Seq2[Relationship, error] {
	r, err := entityRequest("list relationships", id)
	if err != nil {
		return failed[Relationship](err)
	}
	r.path += "/relationships"
	return list[Relationship](ctx, s, r)
}

// Configuration is a workspace's setup of one type of entity.
type Configuration struct {
	Type string `json:"type"`
	// Fields by id.
	Fields map[string]FieldConfiguration `json:"fields"`
	// Relationships by type ("parent", ...).
	Relationships map[string]RelationshipConfiguration `json:"relationships"`
}

// FieldConfiguration describes a field.
type FieldConfiguration struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Path string `json:"path"`
	// Schema is a JSON Schema of the field's value.
	Schema      json.RawMessage `json:"schema"`
	Constraints struct {
		Required  bool `json:"required"`
		MaxLength int  `json:"maxLength"` // characters; 0: not said
	} `json:"constraints"`
}

// RelationshipConfiguration describes a type of relationship.
type RelationshipConfiguration struct {
	TargetTypes []string `json:"targetType"`
	Cardinality string   `json:"cardinality"` // "single" or "multiple"
	Mandatory   bool     `json:"mandatory"`
}

// ListConfigurations reads the configurations of all types of entities.
func (s *Session) ListConfigurations(ctx context.Context) iter.Seq2[Configuration, error] {
	return list[Configuration](ctx, s, request{op: "list configurations", method: http.MethodGet, path: "/entities/configurations", reads: true, bound: configurations(),
		scope: scopeEntitiesRead, thing: "the workspace's configuration"})
}

func (c Configuration) present() bool { return c.Type != "" }

// GetConfiguration reads which fields and relationships a type of entity has
// in this workspace.
func (s *Session) GetConfiguration(ctx context.Context, entityType string) (Configuration, error) {
	const op = "get configuration"
	if !isTypeName(entityType) {
		return Configuration{}, invalidRequest(op, "The entity type must be a name such as feature.")
	}
	return one[Configuration](ctx, s, request{
		op: op, method: http.MethodGet, path: "/entities/configurations/" + url.PathEscape(entityType), reads: true, bound: configurations(),
		scope: scopeEntitiesRead, thing: "this type of item",
	})
}

// isTypeName accepts names in general: Productboard adds types now and then.
func isTypeName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func entityRequest(op, id string) (request, error) {
	if err := checkUUID(op, "The entity's id", id); err != nil {
		return request{}, err
	}
	return request{op: op, method: http.MethodGet, path: "/entities/" + url.PathEscape(id), reads: true,
		scope: scopeEntitiesRead, thing: "this item"}, nil
}

type wireEntity struct {
	ID        string                     `json:"id"`
	Type      string                     `json:"type"`
	Fields    map[string]json.RawMessage `json:"fields"`
	Links     EntityLinks                `json:"links"`
	CreatedAt string                     `json:"createdAt"`
	UpdatedAt string                     `json:"updatedAt"`
}

func (w wireEntity) present() bool { return w.ID != "" }

func (w wireEntity) entity() Entity {
	created, _ := time.Parse(time.RFC3339, w.CreatedAt)
	updated, _ := time.Parse(time.RFC3339, w.UpdatedAt)
	return Entity{ID: w.ID, Type: w.Type, Fields: w.Fields, Links: w.Links, CreatedAt: created, UpdatedAt: updated}
}
