package actions

import (
	"context"
	"strings"
	"sync"
	"time"

	"pushbutton/internal/pbapi"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

// Mapper turns an entity of Productboard into the issue that an integration's
// settings want. The zero value is ready; it is safe for concurrent use and
// remembers what fields are called.
type Mapper struct{ names fieldNames }

// Item loads the entity of an integration that a target's mapping is applied to.
// Who clicked may be empty.
func (m *Mapper) Item(ctx context.Context, pb Productboard, in tenants.Integration, target *targets.Target, entity string, by targets.Person) (targets.Item, error) {
	loaded, err := pb.GetEntity(ctx, entity)
	if err != nil {
		return targets.Item{}, err
	}
	item := itemOf(loaded, by)
	if unknown(item, target.ItemFields()) {
		names, err := m.names.of(ctx, pb, in, loaded.Type)
		if err != nil {
			return targets.Item{}, err
		}
		for id, name := range names {
			if f, ok := item.Fields[id]; ok {
				item.Fields[name] = f
			}
		}
	}
	return item, nil
}

// draft returns the issue that this push wants.
func (r *run) draft(ctx context.Context, target *targets.Target) (targets.Draft, error) {
	rec := r.lease.Record
	item, err := r.p.mapper.Item(ctx, r.p.peers.Productboard(r.in), r.in, target, r.key.Entity,
		targets.Person{Name: rec.Click.Name, Email: rec.Click.Email})
	if err != nil {
		return targets.Draft{}, err
	}
	r.lease.ItemTitle = item.Name
	return target.DraftContext(ctx, rec.Marker(r.key), item)
}

// unknown reports whether the item lacks one of the named fields by its id. Then the
// name is the one that people see, or the field is empty.
func unknown(item targets.Item, names []string) bool {
	for _, name := range names {
		if _, ok := item.Fields[name]; !ok {
			return true
		}
	}
	return false
}

// itemOf returns an entity as mappings see it.
func itemOf(e pbapi.Entity, by targets.Person) targets.Item {
	item := targets.Item{ID: e.ID, Type: e.Type, Name: e.Name(), HTML: e.Description(), Link: e.Links.HTML, Status: e.Status(), Tags: e.Tags(),
		Owner: targets.Person{Email: e.Owner()}, Pusher: by, Fields: make(map[string]targets.FieldText, len(e.Fields))}
	for id := range e.Fields {
		texts := e.Texts(id)
		if len(texts) == 1 && richText(texts[0]) {
			item.Fields[id] = targets.FieldText{HTML: texts[0]}
		} else {
			item.Fields[id] = targets.FieldText{Texts: texts}
		}
	}
	return item
}

// richText reports whether a field's text is rich. Productboard's replies and
// configurations do not say so, but rich text begins with a block.
func richText(s string) bool {
	for _, block := range []string{"<p>", "<p ", "<h1", "<h2", "<ul", "<ol", "<pre", "<blockquote", "<table", "<hr"} {
		if strings.HasPrefix(s, block) {
			return true
		}
	}
	return false
}

const (
	// namesLife is how long the names of a workspace's fields are cached.
	namesLife = 10 * time.Minute
	// maxNames bounds how many configurations are cached.
	maxNames = 1000
)

// fieldNames caches the names of an entity type's fields in a workspace, so that a
// mapping by name costs no further call.
type fieldNames struct {
	mu    sync.Mutex
	known map[string]namesOfType
}

type namesOfType struct {
	byID  map[string]string
	until time.Time
}

func (n *fieldNames) of(ctx context.Context, pb Productboard, in tenants.Integration, entityType string) (map[string]string, error) {
	key := in.ID + "/" + entityType
	n.mu.Lock()
	kept, ok := n.known[key]
	n.mu.Unlock()
	if ok && time.Now().Before(kept.until) {
		return kept.byID, nil
	}
	configuration, err := pb.GetConfiguration(ctx, entityType)
	if err != nil {
		return nil, err
	}
	names := namesOfType{byID: make(map[string]string, len(configuration.Fields)), until: time.Now().Add(namesLife)}
	for id, f := range configuration.Fields {
		names.byID[id] = f.Name
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil || len(n.known) >= maxNames {
		n.known = map[string]namesOfType{}
	}
	n.known[key] = names
	return names.byID, nil
}
