package pbapi

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
)

// StateName is one of the four states of a connection.
type StateName string

// The states. Initial is the state of an entity that has no connection.
const (
	StateInitial   StateName = "initial"
	StateProgress  StateName = "progress"
	StateConnected StateName = "connected"
	StateError     StateName = "error"
)

// The limits of a connection's texts, in characters; none may be empty.
const (
	MaxLabel      = 20
	MaxHoverLabel = 20
	MaxTooltip    = 50
	MaxTargetURL  = 1000
	MaxMessage    = 255
)

// Colors lists the colours that a connected button can have.
func Colors() []string {
	return []string{"gray", "blue", "green", "yellow", "orange", "red", "purple"}
}

func stateNames() []string {
	return []string{string(StateInitial), string(StateProgress), string(StateConnected), string(StateError)}
}

// ConnectionState is the state of a button. Each state has its own fields and no
// others.
type ConnectionState struct {
	State StateName `json:"state"`

	// Connected: all of them are needed.
	Label      string `json:"label,omitempty"`
	HoverLabel string `json:"hoverLabel,omitempty"`
	Tooltip    string `json:"tooltip,omitempty"`
	Color      string `json:"color,omitempty"`
	TargetURL  string `json:"targetUrl,omitempty"`

	// Error: what the pop-up says.
	Message string `json:"message,omitempty"`
	// DebugDetail is set by Productboard on an error of its own side, for
	// developers. It is read-only and never sent.
	DebugDetail string `json:"debugDetail,omitempty"`
}

// Validate holds a state against the published limits. The error names every
// wrong field; DebugDetail is not looked at.
func (s ConnectionState) Validate() error {
	var c check
	c.oneOf("state", string(s.State), stateNames()...)
	if s.State == StateConnected {
		c.length("label", s.Label, 1, MaxLabel)
		c.length("hoverLabel", s.HoverLabel, 1, MaxHoverLabel)
		c.length("tooltip", s.Tooltip, 1, MaxTooltip)
		c.oneOf("color", s.Color, Colors()...)
		// Any other scheme in a link could run as a script.
		c.web("targetUrl", s.TargetURL, MaxTargetURL, "https", "http")
	} else {
		for _, f := range [][2]string{{"label", s.Label}, {"hoverLabel", s.HoverLabel}, {"tooltip", s.Tooltip}, {"color", s.Color}, {"targetUrl", s.TargetURL}} {
			if f[1] != "" {
				c.add(f[0], "belongs to the state %s only", StateConnected)
			}
		}
	}
	if s.State == StateError {
		c.length("message", s.Message, 1, MaxMessage)
	} else if s.Message != "" {
		c.add("message", "belongs to the state %s only", StateError)
	}
	return c.err("validate connection state")
}

// Connection is the state of one entity's button.
type Connection struct {
	EntityID string
	State    ConnectionState
}

// ConnectionFilter narrows a search; an empty list does not narrow.
type ConnectionFilter struct {
	States    []StateName `json:"state,omitempty"`
	EntityIDs []string    `json:"entityId,omitempty"`
}

// ListConnections returns the connections of an integration, those in the
// initial state excepted; with states, only those.
func (s *Session) ListConnections(ctx context.Context, integrationID string, states ...StateName) iter.Seq2[Connection, error] {
	const op = "list connections"
	r, err := connectionsRequest(op, integrationID, states)
	if err != nil {
		return failed[Connection](err)
	}
	r.method, r.query = http.MethodGet, url.Values{}
	for _, state := range states {
		r.query.Add("state[]", string(state))
	}
	return convert(list[wireConnection](ctx, s, r), wireConnection.connection)
}

// SearchConnections is ListConnections by entity as well, for lists of ids
// too long for an address.
func (s *Session) SearchConnections(ctx context.Context, integrationID string, filter ConnectionFilter) iter.Seq2[Connection, error] {
	const op = "search connections"
	r, err := connectionsRequest(op, integrationID, filter.States)
	if err != nil {
		return failed[Connection](err)
	}
	for i, id := range filter.EntityIDs {
		if err := checkUUID(op, fmt.Sprintf("entityId %d of the filter", i+1), id); err != nil {
			return failed[Connection](err)
		}
	}
	r.method, r.path = http.MethodPost, r.path+"/search"
	r.body = data[map[string]ConnectionFilter]{map[string]ConnectionFilter{"filter": filter}}
	return convert(list[wireConnection](ctx, s, r), wireConnection.connection)
}

// GetConnection reads the state of an entity's button: StateInitial, and no
// error, if there is no connection.
func (s *Session) GetConnection(ctx context.Context, integrationID, entityID string) (ConnectionState, error) {
	r, err := connectionRequest("get connection", http.MethodGet, integrationID, entityID)
	if err != nil {
		return ConnectionState{}, err
	}
	r.reads, r.scope = true, scopeIntegrationsRead
	got, err := one[wireConnection](ctx, s, r)
	return got.Fields.Connection, err
}

// PutConnection replaces the state of an entity's button. A state beyond the
// published limits is refused here, naming the field.
func (s *Session) PutConnection(ctx context.Context, integrationID, entityID string, state ConnectionState) error {
	r, err := connectionRequest("put connection", http.MethodPut, integrationID, entityID)
	if err != nil {
		return err
	}
	if err := state.Validate(); err != nil {
		return err
	}
	state.DebugDetail = ""
	r.body, r.scope = wrap(wireConnectionFields{state}), scopeIntegrationsWrite
	_, err = one[wireReference](ctx, s, r)
	return err
}

// DeleteConnection resets an entity's button; it is the same as putting
// StateInitial.
func (s *Session) DeleteConnection(ctx context.Context, integrationID, entityID string) error {
	r, err := connectionRequest("delete connection", http.MethodDelete, integrationID, entityID)
	if err != nil {
		return err
	}
	r.scope = scopeIntegrationsWrite
	return s.do(ctx, r, nil)
}

// connectionsRequest returns the part that list and search have in common.
func connectionsRequest(op, integrationID string, states []StateName) (request, error) {
	r, err := integrationRequest(op, "", integrationID)
	if err != nil {
		return request{}, err
	}
	var c check
	for _, state := range states {
		c.oneOf("state", string(state), stateNames()...)
	}
	if err := c.err(op); err != nil {
		return request{}, err
	}
	r.path += "/connections"
	r.reads, r.scope = true, scopeIntegrationsRead
	return r, nil
}

func connectionRequest(op, method, integrationID, entityID string) (request, error) {
	r, err := integrationRequest(op, method, integrationID)
	if err != nil {
		return request{}, err
	}
	if err := checkUUID(op, "The entity's id", entityID); err != nil {
		return request{}, err
	}
	r.path += "/connections/" + url.PathEscape(entityID)
	r.thing = "this item or this integration"
	return r, nil
}

type wireConnection struct {
	ID     string               `json:"id"` // the entity's
	Fields wireConnectionFields `json:"fields"`
}

type wireConnectionFields struct {
	Connection ConnectionState `json:"connection"`
}

func (w wireConnection) present() bool { return w.Fields.Connection.State != "" }

func (w wireConnection) connection() Connection {
	return Connection{EntityID: w.ID, State: w.Fields.Connection}
}
