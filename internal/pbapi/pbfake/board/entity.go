package board

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"pushbutton/internal/pbapi/pbfake"
)

// entityField is a field as the page of an entity shows it: rich text, or a
// short text.
type entityField struct {
	Name string
	Rich template.HTML
	Text string
}

// entity is the page that links in issues lead to, if the simulator's AppURL
// is this sandbox.
func (p *pages) entity(w http.ResponseWriter, r *http.Request) {
	raw, err := base64.RawURLEncoding.DecodeString(r.PathValue("ref"))
	kind, id, _ := strings.Cut(string(raw), ":")
	e, found := p.fake.Entity(id)
	if err != nil || kind != "PmEntity" || !found {
		p.notFound(w, "There is no such item in Productboard.")
		return
	}
	parent, hasParent := p.fake.Entity(e.Parent)
	page := map[string]any{"Name": e.Name(), "Type": e.Type, "Fields": p.fields(e), "ID": e.ID}
	if hasParent {
		page["Parent"], page["ParentLink"] = parent.Name(), p.localPage(parent.ID)
	}
	p.show(w, http.StatusOK, "entity.html", page)
}

// localPage is an entity's page here, wherever AppURL points to.
func (p *pages) localPage(id string) string {
	page := p.fake.PageOf(id)
	return Prefix + page[strings.LastIndex(page, "/detail/"):]
}

// fields lists what the entity has, the description first.
func (p *pages) fields(e pbfake.Entity) []entityField {
	names := map[string]string{}
	var order []string
	for _, f := range pbfake.FieldsOf(e.Type) {
		names[f.ID] = f.Name
		order = append(order, f.ID)
	}
	known := len(order)
	for id := range e.Fields {
		if names[id] == "" {
			names[id] = id
			order = append(order, id)
		}
	}
	slices.Sort(order[known:])
	var out []entityField
	for _, id := range order {
		v := e.Fields[id]
		if id == "name" || v == nil {
			continue
		}
		f := entityField{Name: names[id]}
		if s, isText := v.(string); isText && strings.Contains(s, "<") {
			f.Rich = p.render.html(s)
		} else {
			f.Text = plain(v)
		}
		out = append(out, f)
	}
	return out
}

// plain writes a field's value in short: of objects, what people call them.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		for _, key := range []string{"name", "email"} {
			if s, ok := v[key].(string); ok {
				return s
			}
		}
		if start, ok := v["startDate"].(string); ok {
			return fmt.Sprintf("%s to %v", start, v["endDate"])
		}
	case []any:
		parts := make([]string, 0, len(v))
		for _, it := range v {
			parts = append(parts, plain(it))
		}
		return strings.Join(parts, ", ")
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}
