package pbfake

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// getConnection answers initial where there is no connection.
func (f *Fake) getConnection(c *call) (any, *apiError) {
	if refusal := f.both(c); refusal != nil {
		return nil, refusal
	}
	return map[string]any{"data": f.connectionResource(c.r, Connection{
		IntegrationID: c.key.integration, EntityID: c.key.entity, State: f.state(c.key),
	})}, nil
}

// putConnection replaces the state whatever it was.
func (f *Fake) putConnection(c *call) (any, *apiError) {
	if refusal := f.both(c); refusal != nil {
		return nil, refusal
	}
	var body struct {
		Data struct {
			Fields struct {
				Connection State `json:"connection"`
			} `json:"fields"`
		} `json:"data"`
	}
	if err := json.Unmarshal(c.raw, &body); err != nil {
		return nil, malformed("The request body could not be read: " + err.Error() + ".")
	}
	if !c.lost {
		f.write(c.key, body.Data.Fields.Connection, SourcePut)
	}
	return map[string]any{"data": map[string]any{"id": c.key.entity, "links": f.connectionLinks(c.r, c.key)}}, nil
}

// deleteConnection is the same as writing initial.
func (f *Fake) deleteConnection(c *call) (any, *apiError) {
	if refusal := f.both(c); refusal != nil {
		return nil, refusal
	}
	if !c.lost {
		f.write(c.key, State{Name: StateInitial}, SourceDelete)
	}
	return nil, nil
}

// both reports whether the integration and the entity of the path are there. An
// entity that does not exist has no connection, not even an initial one.
func (f *Fake) both(c *call) *apiError {
	if _, refusal := f.integration(c); refusal != nil {
		return refusal
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.entities[c.key.entity] == nil {
		return notFound()
	}
	return nil
}

func (f *Fake) listConnections(c *call) (any, *apiError) {
	states := c.query["state[]"]
	for _, s := range states {
		if !slices.Contains([]string{StateConnected, StateError, StateProgress, StateInitial}, s) {
			return nil, badParameter("state[]", "The state '"+cut(s, 50)+"' is not known.")
		}
	}
	return f.foundConnections(c, states, nil)
}

func (f *Fake) searchConnections(c *call) (any, *apiError) {
	var entities []string
	if filter, _ := c.at("data", "filter").(map[string]any); filter["entityId"] != nil {
		entities = mapped(c.texts("data", "filter", "entityId"), lower)
	}
	return f.foundConnections(c, c.texts("data", "filter", "state"), entities)
}

// foundConnections lists what is not initial: by states, if there are any,
// and by entities, if they are not nil.
func (f *Fake) foundConnections(c *call, states, entities []string) (any, *apiError) {
	if _, refusal := f.integration(c); refusal != nil {
		return nil, refusal
	}
	wanted := make(map[string]bool, len(entities))
	for _, id := range entities {
		wanted[id] = true
	}
	found := f.Connections(c.key.integration, states...)
	if entities != nil {
		found = slices.DeleteFunc(found, func(cn Connection) bool { return !wanted[cn.EntityID] })
	}
	found = slices.DeleteFunc(found, func(cn Connection) bool { return cn.State.Name == StateInitial })
	page, links, refusal := paginate(f, c, found, func(cn Connection) string { return cn.EntityID })
	if refusal != nil {
		return nil, refusal
	}
	return listReply{mapped(page, func(cn Connection) any { return f.connectionResource(c.r, cn) }), links}, nil
}

func (f *Fake) connectionResource(r *http.Request, c Connection) map[string]any {
	return map[string]any{
		"id": c.EntityID, "type": "pluginIntegrationConnection",
		"fields": map[string]any{"connection": c.State},
		"links":  f.connectionLinks(r, connectionKey{c.IntegrationID, c.EntityID}),
	}
}

func (f *Fake) connectionLinks(r *http.Request, key connectionKey) map[string]string {
	return map[string]string{"self": f.link(r, connectionPath(key))}
}

func connectionPath(key connectionKey) string {
	return "/plugin-integrations/" + key.integration + "/connections/" + key.entity
}

// write sets a state and tells the journal, in one step, so that the journal
// has the writes in the order in which they took effect. It reports whether the
// integration was still there.
func (f *Fake) write(key connectionKey, s State, source string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.integrations[key.integration] == nil {
		return false
	}
	cn := f.button(key)
	before := cn.state.Name
	cn.state, cn.updated = s, f.clock.Now().UTC()
	f.record(Event{Kind: EventWrite, IntegrationID: key.integration, EntityID: key.entity, State: &s, Source: source, Before: before, Waiting: cn.waiting})
	f.prune(key)
	return true
}

// button returns the connection, made if it was not there. f.mu must be held.
func (f *Fake) button(key connectionKey) *connection {
	cn := f.connections[key]
	if cn == nil {
		cn = &connection{state: State{Name: StateInitial}}
		f.connections[key] = cn
	}
	return cn
}

// prune forgets a connection that says nothing. f.mu must be held.
func (f *Fake) prune(key connectionKey) {
	if cn := f.connections[key]; cn != nil && cn.state.Name == StateInitial && cn.waiting == 0 {
		delete(f.connections, key)
	}
}

func (f *Fake) state(key connectionKey) State {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cn := f.connections[key]; cn != nil {
		return cn.state
	}
	return State{Name: StateInitial}
}

// State returns the state of a connection; one that does not exist is initial.
func (f *Fake) State(integrationID, entityID string) State {
	return f.state(connectionKey{lower(integrationID), lower(entityID)})
}

// SetState writes a state as it is, without a check: for the set-up of tests.
// It reports whether there is such an integration.
func (f *Fake) SetState(integrationID, entityID string, s State) bool {
	return f.write(connectionKey{lower(integrationID), lower(entityID)}, s, SourcePut)
}

// Connection is a connection as the simulator's owner sees it.
type Connection struct {
	IntegrationID string `json:"integrationId"`
	EntityID      string `json:"entityId"`
	State         State  `json:"connection"`
	// Waiting is the number of clicks that are not answered yet.
	Waiting   int       `json:"waiting,omitempty"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// Connections lists the connections that are not initial or wait for an answer,
// by integration and entity. They are of one integration, or of all with an
// empty id, and in the named states, or in any.
func (f *Fake) Connections(integrationID string, states ...string) []Connection {
	integrationID = lower(integrationID)
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []Connection{}
	for key, cn := range f.connections {
		if (integrationID == "" || key.integration == integrationID) && (len(states) == 0 || slices.Contains(states, cn.state.Name)) {
			out = append(out, Connection{key.integration, key.entity, cn.state, cn.waiting, cn.updated})
		}
	}
	slices.SortFunc(out, func(a, b Connection) int {
		if d := strings.Compare(a.IntegrationID, b.IntegrationID); d != 0 {
			return d
		}
		return strings.Compare(a.EntityID, b.EntityID)
	})
	return out
}
