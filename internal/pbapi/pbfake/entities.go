package pbfake

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Entity is anything that can have a button.
type Entity struct {
	// ID is a UUID; made by AddEntity if empty.
	ID string `json:"id"`
	// Type is one of EntityTypes.
	Type string `json:"type"`
	// Fields are JSON values by field id: "name", "description", a custom
	// field's UUID. A nil value is an empty field.
	Fields map[string]any `json:"fields"`
	// Parent is the id of the entity above; empty at the top.
	Parent string `json:"parent,omitempty"`
	// Links are the ids of entities that this one is linked to.
	Links     []string  `json:"links,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`

	number int
}

// Name is the entity's name, "" if it has none.
func (e Entity) Name() string {
	s, _ := e.Fields["name"].(string)
	return s
}

// maxFieldText bounds a text field in characters, as published for rich text.
const maxFieldText = 524_288

// AddEntity stores an entity and returns it with what was filled in. An
// entity of the same id is replaced. The error names the wrong field.
func (f *Fake) AddEntity(e Entity) (Entity, error) {
	added, err := f.AddEntities([]Entity{e})
	if err != nil {
		return Entity{}, err
	}
	return added[0], nil
}

// AddEntities stores several entities, or none if one of them is wrong.
func (f *Fake) AddEntities(entities []Entity) ([]Entity, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]Entity, 0, len(entities))
	for i, e := range entities {
		e.ID, e.Parent = lower(e.ID), lower(e.Parent)
		if err := e.validate(); err != nil {
			return nil, fmt.Errorf("entity %d: %w", i, err)
		}
		if e.ID == "" {
			e.ID = f.ids.next()
		}
		now := f.clock.Now().UTC()
		if e.CreatedAt.IsZero() {
			e.CreatedAt = now
		}
		if e.UpdatedAt.IsZero() {
			e.UpdatedAt = now
		}
		out = append(out, e)
	}
	for i := range out {
		f.store(&out[i])
	}
	f.record(Event{Kind: EventSettings, Detail: fmt.Sprintf("%d entities added", len(out))})
	return out, nil
}

// store puts an entity in its place. f.mu must be held.
func (f *Fake) store(e *Entity) {
	if old := f.entities[e.ID]; old != nil {
		e.number = old.number
		f.children[old.Parent] = slices.DeleteFunc(f.children[old.Parent], func(id string) bool { return id == e.ID })
	} else {
		f.order = append(f.order, e.ID)
		e.number = len(f.order)
	}
	own := *e
	own.Fields = maps.Clone(e.Fields)
	f.entities[e.ID] = &own
	if e.Parent != "" {
		f.children[e.Parent] = append(f.children[e.Parent], e.ID)
	}
}

func (e Entity) validate() error {
	switch {
	case e.ID != "" && !validUUID(e.ID):
		return errors.New("id: must be a UUID")
	case !slices.Contains(EntityTypes(), e.Type):
		return fmt.Errorf("type: must be one of %v", EntityTypes())
	case e.Parent != "" && !validUUID(e.Parent):
		return errors.New("parent: must be a UUID")
	case e.Name() == "":
		return errors.New("fields.name: is missing")
	}
	for id, v := range e.Fields {
		if s, ok := v.(string); ok && len(s) > 4*maxFieldText {
			return fmt.Errorf("fields.%s: is too long", id)
		}
	}
	return nil
}

// Entities lists entities in the order in which they were added: of the named
// types, or all.
func (f *Fake) Entities(types ...string) []Entity {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]Entity, 0, len(f.order))
	for _, id := range f.order {
		if e := f.entities[id]; len(types) == 0 || slices.Contains(types, e.Type) {
			out = append(out, *e)
		}
	}
	return out
}

// Entity returns one entity.
func (f *Fake) Entity(id string) (Entity, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e := f.entities[lower(id)]; e != nil {
		return *e, true
	}
	return Entity{}, false
}

// PageOf is the address of an entity's page in Productboard.
func (f *Fake) PageOf(entityID string) string {
	return f.opts.AppURL + "/detail/" + base64.RawURLEncoding.EncodeToString([]byte("PmEntity:"+entityID))
}

func (f *Fake) getEntity(c *call) (any, *apiError) {
	e, found := f.Entity(c.key.entity)
	if !found {
		return nil, notFound()
	}
	return map[string]any{"data": f.entityResource(c, e, fieldsWanted(c.query["fields[]"]))}, nil
}

func (f *Fake) listEntities(c *call) (any, *apiError) {
	for _, t := range c.query["type[]"] {
		if !slices.Contains(EntityTypes(), t) {
			return nil, badParameter("type[]", "The entity type '"+cut(t, 50)+"' is not known.")
		}
	}
	filter := entityFilter{types: c.query["type[]"], text: map[string]string{}}
	for name, values := range c.query {
		switch name {
		case "type[]", "fields[]", "pageCursor":
		case "parent[id]":
			filter.parents = []string{lower(values[0])}
		case "archived":
			archived, err := strconv.ParseBool(values[0])
			if err != nil {
				return nil, badParameter(name, "The value must be true or false.")
			}
			filter.archived = &archived
		default:
			filter.text[name] = values[0]
		}
	}
	return f.foundEntities(c, filter, fieldsWanted(c.query["fields[]"]))
}

func (f *Fake) searchEntities(c *call) (any, *apiError) {
	filter := entityFilter{types: c.texts("data", "filter", "type"), ids: mapped(c.texts("data", "filter", "id"), lower), text: map[string]string{}}
	if name, ok := c.at("data", "filter", "fields", "name").(string); ok {
		filter.text["name"] = name
	}
	if archived, ok := c.at("data", "filter", "fields", "archived").(bool); ok {
		filter.archived = &archived
	}
	parents, _ := c.at("data", "filter", "relationships", "parent").([]any)
	for _, p := range parents {
		if ref, _ := p.(map[string]any); ref["id"] != nil {
			filter.parents = append(filter.parents, lower(fmt.Sprint(ref["id"])))
		}
	}
	wanted := fieldsWanted(nil)
	switch fields := c.at("data", "return", "fields").(type) {
	case string:
		wanted = fieldsWanted([]string{fields})
	case []any:
		wanted = fieldsWanted(c.texts("data", "return", "fields"))
	}
	return f.foundEntities(c, filter, wanted)
}

// entityFilter is what a list or a search asks for; what is empty does not
// count.
type entityFilter struct {
	types, ids, parents []string
	archived            *bool
	// text compares the field "name", or a property of a field:
	// "status[id]", "owner[email]".
	text map[string]string
}

func (ef entityFilter) passes(e Entity) bool {
	archived, _ := e.Fields["archived"].(bool)
	switch {
	case len(ef.types) > 0 && !slices.Contains(ef.types, e.Type),
		len(ef.ids) > 0 && !slices.Contains(ef.ids, e.ID),
		len(ef.parents) > 0 && !slices.Contains(ef.parents, e.Parent),
		ef.archived != nil && *ef.archived != archived:
		return false
	}
	for name, want := range ef.text {
		field, property, nested := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		got := e.Fields[field]
		if nested {
			m, _ := got.(map[string]any)
			got = m[property]
		}
		if s, ok := got.(string); !ok || s != want {
			return false
		}
	}
	return true
}

func (f *Fake) foundEntities(c *call, filter entityFilter, wanted func(Entity) map[string]any) (any, *apiError) {
	found := slices.DeleteFunc(f.Entities(), func(e Entity) bool { return !filter.passes(e) })
	page, links, refusal := paginate(f, c, found, func(e Entity) string { return fmt.Sprintf("%012d", e.number) })
	if refusal != nil {
		return nil, refusal
	}
	return listReply{mapped(page, func(e Entity) any { return f.entityResource(c, e, wanted) }), links}, nil
}

// fieldsWanted picks the fields of a reply: by default those that are not
// empty, with "all" every field of the type, else the named ones.
func fieldsWanted(names []string) func(Entity) map[string]any {
	return func(e Entity) map[string]any {
		out := map[string]any{}
		known := FieldsOf(e.Type)
		for id, v := range e.Fields {
			if v != nil && (len(names) == 0 || slices.Contains(names, "default") || slices.Contains(names, "all") || slices.Contains(names, id)) {
				out[id] = v
			}
		}
		for _, field := range known {
			if _, there := out[field.ID]; !there && (slices.Contains(names, "all") || slices.Contains(names, field.ID)) {
				out[field.ID] = nil
			}
		}
		return out
	}
}

// entityResource shows an entity. Without the scope for personal data an
// owner's e-mail address reads [redacted].
func (f *Fake) entityResource(c *call, e Entity, wanted func(Entity) map[string]any) map[string]any {
	fields := wanted(e)
	if owner, ok := fields["owner"].(map[string]any); ok && !c.token.allows("members:pii:read") {
		owner = maps.Clone(owner)
		owner["email"] = "[redacted]"
		fields["owner"] = owner
	}
	return map[string]any{
		"id": e.ID, "type": e.Type, "fields": fields,
		"relationships": map[string]any{"data": f.relationships(c.r, e), "links": listLinks{}},
		"links":         f.entityLinks(c.r, e.ID),
		"createdAt":     e.CreatedAt.UTC().Format(wireTime),
		"updatedAt":     e.UpdatedAt.UTC().Format(wireTime),
	}
}

func (f *Fake) entityLinks(r *http.Request, id string) map[string]string {
	return map[string]string{"self": f.link(r, "/entities/"+id), "html": f.PageOf(id)}
}

type relationship struct {
	Type   string         `json:"type"`
	Target map[string]any `json:"target"`
}

// relationships lists parent, children and links, in this order. What points
// to an entity that is not there is left out.
func (f *Fake) relationships(r *http.Request, e Entity) []relationship {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []relationship{}
	add := func(kind, id string) {
		if target := f.entities[id]; target != nil {
			out = append(out, relationship{kind, map[string]any{"id": id, "type": target.Type, "links": f.entityLinks(r, id)}})
		}
	}
	add("parent", e.Parent)
	for _, id := range f.children[e.ID] {
		add("child", id)
	}
	for _, id := range e.Links {
		add("link", lower(id))
	}
	return out
}

func (f *Fake) listRelationships(c *call) (any, *apiError) {
	e, found := f.Entity(c.key.entity)
	if !found {
		return nil, notFound()
	}
	kind, targetType, targetID := c.query.Get("type"), c.query.Get("target[type]"), lower(c.query.Get("target[id]"))
	if kinds := []string{"", "parent", "child", "link", "isBlockedBy", "isBlocking"}; !slices.Contains(kinds, kind) {
		return nil, badParameter("type", "The relationship type is not known.")
	}
	all := f.relationships(c.r, e)
	type numbered struct {
		relationship
		at string
	}
	var items []numbered
	for n, rel := range all {
		if (kind == "" || rel.Type == kind) && (targetType == "" || rel.Target["type"] == targetType) && (targetID == "" || rel.Target["id"] == targetID) {
			items = append(items, numbered{rel, fmt.Sprintf("%06d", n)})
		}
	}
	page, links, refusal := paginate(f, c, items, func(n numbered) string { return n.at })
	if refusal != nil {
		return nil, refusal
	}
	return listReply{mapped(page, func(n numbered) relationship { return n.relationship }), links}, nil
}
