package jira

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/wire"
)

// What Jira's REST API sends and takes, as far as it is used here: version 3
// of Jira Cloud as Atlassian publishes it, version 2 of Data Center. None of it
// leaves this folder.

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

type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type status struct {
	Name     string `json:"name"`
	Category struct {
		Key string `json:"key"`
	} `json:"statusCategory"`
}

type issue struct {
	ID     string `json:"id"`
	Key    string `json:"key"`
	Fields struct {
		Summary string   `json:"summary"`
		Status  status   `json:"status"`
		Labels  []string `json:"labels"`
		Project project  `json:"project"`
	} `json:"fields"`
	// Properties are given by Cloud's search alone.
	Properties map[string]json.RawMessage `json:"properties"`
}

type searchRequest struct {
	JQL        string   `json:"jql"`
	Fields     []string `json:"fields"`
	Properties []string `json:"properties,omitempty"` // Cloud
	MaxResults int      `json:"maxResults"`
	Next       string   `json:"nextPageToken,omitempty"` // Cloud
	Validate   *bool    `json:"validateQuery,omitempty"` // Data Center
}

// bulkRequest asks Cloud for issues by their ids.
type bulkRequest struct {
	IDs    []string `json:"issueIdsOrKeys"`
	Fields []string `json:"fields"`
}

type searchReply struct {
	Issues []issue `json:"issues"`
	Next   string  `json:"nextPageToken"`
}

// edit is the body of a create, an update and a transition.
type edit struct {
	Fields     map[string]any `json:"fields,omitempty"`
	Update     map[string]any `json:"update,omitempty"`
	Properties []property     `json:"properties,omitempty"`
	Transition *idRef         `json:"transition,omitempty"`
}

type property struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

type (
	idRef struct {
		ID string `json:"id"`
	}
	keyRef struct {
		Key string `json:"key"`
	}
	nameRef struct {
		Name string `json:"name"`
	}
	accountRef struct {
		AccountID string `json:"accountId"`
	}
	cascade struct {
		ID    string `json:"id"`
		Child *idRef `json:"child,omitempty"`
	}
)

type project struct {
	ID       string `json:"id"`
	Key      string `json:"key"`
	Name     string `json:"name"`
	Archived bool   `json:"archived"`
}

type issueType struct {
	named
	Subtask bool `json:"subtask"`
	// Level is 1 for epics on Cloud; Data Center does not say.
	Level int `json:"hierarchyLevel"`
}

// page is a part of a list, whatever the list is called.
type page[T any] struct {
	Total      int `json:"total"`
	IssueTypes []T `json:"issueTypes"` // Cloud's issue types
	Fields     []T `json:"fields"`     // Cloud's fields
	Values     []T `json:"values"`     // Data Center's, and Cloud's other lists
}

func (p page[T]) items() ([]T, bool) {
	for _, l := range [][]T{p.IssueTypes, p.Fields, p.Values} {
		if l != nil {
			return l, true
		}
	}
	return nil, false
}

type user struct {
	AccountID string `json:"accountId"` // Cloud
	Name      string `json:"name"`      // Data Center
	Email     string `json:"emailAddress"`
	// Active is missing nowhere, but a missing one must not hide everybody.
	Active *bool `json:"active"`
}

type transition struct {
	ID     string               `json:"id"`
	To     status               `json:"to"`
	Fields map[string]fieldMeta `json:"fields"`
}

type transitionsReply struct {
	Transitions []transition `json:"transitions"`
}

type remoteLink struct {
	GlobalID     string `json:"globalId"`
	Relationship string `json:"relationship,omitempty"`
	Object       struct {
		URL   string `json:"url"`
		Title string `json:"title"`
	} `json:"object"`
}

// client speaks with one Jira.
type client struct {
	http *outbound.Client
	cfg  config
}

// get reads path into out.
func (c client) get(ctx context.Context, op, path string, out any) error {
	return c.read(ctx, op, http.MethodGet, path, nil, out)
}

// read asks for something. It changes nothing, so its error is never Unsure,
// whatever it is a part of.
func (c client) read(ctx context.Context, op, method, path string, body, out any) error {
	_, err := c.send(ctx, op, method, path, body, out, 0)
	return wire.EndRead(op, err, notJira)
}

// write sends a body. out may be nil: Jira answers most changes with 204. A
// reply that cannot be read is Unsure.
func (c client) write(ctx context.Context, op, method, path string, body, out any) error {
	reply, err := c.send(ctx, op, method, path, body, out, 0)
	return wire.EndWrite(op, reply, err, out)
}

// send sends a call to a path below the API's version.
func (c client) send(ctx context.Context, op, method, path string, body, out any, timeout time.Duration) (outbound.Reply, error) {
	version := "/rest/api/3"
	if !c.cfg.cloud {
		version = "/rest/api/2"
	}
	return c.sendTo(ctx, op, method, c.cfg.api+version+path, body, out, timeout)
}

// sendTo sends a call to an address.
func (c client) sendTo(ctx context.Context, op, method, address string, body, out any, timeout time.Duration) (outbound.Reply, error) {
	h := http.Header{}
	h.Set("Authorization", c.cfg.auth.Reveal())
	h.Set("Accept", "application/json")
	var raw bytes.Buffer
	if body != nil {
		h.Set("Content-Type", "application/json")
		enc := json.NewEncoder(&raw)
		enc.SetEscapeHTML(false) // would make ADF longer than it was measured
		if err := enc.Encode(body); err != nil {
			return outbound.Reply{}, &fault.Error{Op: op, Kind: fault.Internal, Err: err}
		}
	}
	call := outbound.Call{Op: op, Method: method, URL: address, Header: h, Body: raw.Bytes(), Timeout: timeout, Refine: c.refine}
	wire.Expect(&call, out)
	return c.http.Send(ctx, call)
}
