package shortcut

import (
	"context"
	"fmt"
	"net/http"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/wire"
)

// What Shortcut's API v3 sends and takes, as far as it is used here. None of
// it leaves this folder. Shortcut refuses properties that it does not know.

type story struct {
	ID         int          `json:"id"`
	Name       string       `json:"name"`
	URL        string       `json:"app_url"`
	State      int          `json:"workflow_state_id"`
	Workflow   int          `json:"workflow_id"`
	ExternalID string       `json:"external_id"`
	Links      []string     `json:"external_links"`
	Archived   bool         `json:"archived"`
	Labels     []label      `json:"labels"`
	Owners     []string     `json:"owner_ids"`
	Fields     []fieldValue `json:"custom_fields"`
}

type label struct {
	Name string `json:"name"`
}

type fieldValue struct {
	Field string `json:"field_id"`
	Value string `json:"value_id"`
}

// write is a new or changed story; what is empty is not sent.
type write struct {
	Name        string       `json:"name,omitempty"`
	Description string       `json:"description,omitempty"`
	Type        string       `json:"story_type,omitempty"`
	State       int          `json:"workflow_state_id,omitempty"`
	Epic        int          `json:"epic_id,omitempty"`
	Iteration   int          `json:"iteration_id,omitempty"`
	Group       string       `json:"group_id,omitempty"`
	Requester   string       `json:"requested_by_id,omitempty"`
	Owners      []string     `json:"owner_ids,omitempty"`
	Labels      []label      `json:"labels,omitempty"`
	Links       []string     `json:"external_links,omitempty"`
	ExternalID  string       `json:"external_id,omitempty"`
	Estimate    *int         `json:"estimate,omitempty"`
	Deadline    string       `json:"deadline,omitempty"`
	Fields      []fieldValue `json:"custom_fields,omitempty"`
}

type workflow struct {
	ID           int     `json:"id"`
	Name         string  `json:"name"`
	DefaultState int     `json:"default_state_id"`
	States       []state `json:"states"`
}

type state struct {
	ID    int    `json:"id"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Color string `json:"color"`
}

type group struct {
	ID              string `json:"id"`
	Name            string `json:"name"`
	Mention         string `json:"mention_name"`
	Archived        bool   `json:"archived"`
	DefaultWorkflow int    `json:"default_workflow_id"`
	Workflows       []int  `json:"workflow_ids"`
}

type self struct {
	ID        string `json:"id"`
	Workspace struct {
		DefaultWorkflow int `json:"default_workflow_id"`
	} `json:"workspace2"`
}

type member struct {
	ID       string `json:"id"`
	Disabled bool   `json:"disabled"`
	Profile  struct {
		Email string `json:"email_address"`
	} `json:"profile"`
}

type customField struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Enabled bool     `json:"enabled"`
	Types   []string `json:"story_types"` // empty: all
	Values  []struct {
		ID      string `json:"id"`
		Value   string `json:"value"`
		Enabled bool   `json:"enabled"`
	} `json:"values"`
}

type epic struct {
	ID       int    `json:"id"`
	Name     string `json:"name"`
	Archived bool   `json:"archived"`
}

type failure struct {
	Message string         `json:"message"`
	Errors  map[string]any `json:"errors"`
}

// manyItems is how many members, epics, fields or stories are expected at once;
// Shortcut returns its lists without pages.
const manyItems = 500

// whole returns the answer with a story, an epic or an iteration, its text and its
// remarks included.
func whole(into any) wire.Answer {
	return wire.Answer{Into: into, Bound: outbound.Items(100).WithTexts(1, maxDescription)}
}

// client speaks with one workspace.
type client struct {
	http *outbound.Client
	cfg  config
}

// get reads path into out. A read changes nothing, so its error is never
// Unsure, whatever it is a part of.
func (c client) get(ctx context.Context, op, path string, out any) error {
	return c.read(ctx, op, http.MethodGet, path, nil, out)
}

// read is get for what Shortcut reads by POST as well.
func (c client) read(ctx context.Context, op, method, path string, body, out any) error {
	_, err := c.send(ctx, op, method, path, body, out)
	return wire.EndRead(op, err, notShortcut)
}

// list reads a list; an answer that is none is an error.
func list[T any](ctx context.Context, c client, op, method, path string, body any) ([]T, error) {
	var all []T
	if err := c.read(ctx, op, method, path, body, wire.List(&all, manyItems)); err != nil {
		return nil, err
	}
	if all == nil {
		return nil, notShortcut(op, fmt.Errorf("the answer holds no list"))
	}
	return all, nil
}

// change sends a body. out may be nil. A reply that cannot be read is Unsure.
func (c client) change(ctx context.Context, op, method, path string, body, out any) error {
	reply, err := c.send(ctx, op, method, path, body, out)
	return wire.EndWrite(op, reply, err, out)
}

func (c client) send(ctx context.Context, op, method, path string, body, out any) (outbound.Reply, error) {
	call, err := wire.JSONCall(op, method, c.cfg.url+"/api/v3"+path, body, out)
	if err != nil {
		return outbound.Reply{}, err
	}
	call.Header.Set("Shortcut-Token", c.cfg.token.Reveal())
	call.Refine = c.refine
	return c.http.Send(ctx, call)
}
