package shortcut

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/text"
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
// Shortcut gives its lists without pages.
const manyItems = 500

// whole is the answer with a story, an epic or an iteration, its text and its
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
	return wire.ReadJSON(op, err, notShortcut)
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

// notShortcut is a read that brought something else than what Shortcut sends.
func notShortcut(op string, err error) *fault.Error {
	return wire.Stranger(op, name, "settings.url", err)
}

// change sends a body. out may be nil. A reply that cannot be read is Unsure.
func (c client) change(ctx context.Context, op, method, path string, body, out any) error {
	reply, err := c.send(ctx, op, method, path, body, out)
	return wire.WroteJSON(op, reply, err, out)
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

// refine turns what Shortcut says of a failure into a sentence.
func (c client) refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	if verdict == nil {
		return nil
	}
	var said failure
	own := json.Unmarshal(r.Body, &said) == nil && said.Message != ""
	if e := wire.Foreign(name, r, own); e != nil {
		return e
	}
	verdict.Ref = r.Header.Get("X-Request-Id")
	details := flatten("", said.Errors, 0)
	if own || len(details) > 0 {
		verdict.Err = &refusedError{status: r.Status, message: text.Title(said.Message, text.MaxPublic), details: details}
	}
	switch {
	case r.Status == http.StatusForbidden && said.Message != "" && !strings.EqualFold(said.Message, http.StatusText(r.Status)):
		verdict.Public = text.Advised(name, said.Message, ". Ask a Shortcut admin to allow it to the token's member.")
	case r.Status == http.StatusUnauthorized:
		verdict.Public = "Shortcut refused the token. Ask your admin to renew it in the integration's settings."
	case r.Status == http.StatusForbidden:
		verdict.Public = "Shortcut does not allow this to the token's member. Ask a Shortcut admin to make it a member of the workspace, not an observer."
	case r.Status == http.StatusNotFound:
		verdict.Public = "Shortcut does not have what was asked for, or does not show it to the token's member. Ask your admin to check the integration's settings."
	case r.Status == http.StatusBadRequest || r.Status == http.StatusUnprocessableEntity:
		switch {
		case len(details) > 0:
			verdict.Public = sentence(strings.Join(details, "; "))
		case said.Message != "":
			verdict.Public = sentence(said.Message)
		}
	case r.Status >= 300 && r.Status < 400:
		verdict.Public = "Shortcut's address leads elsewhere. Ask your admin to check settings.url."
	}
	return verdict
}

// refusedError is what Shortcut says of a refusal, and of which properties.
type refusedError struct {
	status  int
	message string
	// details are "property: what is wrong".
	details []string
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("HTTP status %d: %s", e.status, text.Title(e.message+" "+strings.Join(e.details, "; "), text.MaxPublic))
}

// names reports whether a refusal is about one of these properties.
func names(err error, properties ...string) bool {
	var refused *refusedError
	return errors.As(err, &refused) && slices.ContainsFunc(refused.details, func(detail string) bool {
		property, _, _ := strings.Cut(detail, ":")
		property, _, _ = strings.Cut(property, ".")
		return slices.Contains(properties, property)
	})
}

// rememberedFields are the properties whose ids were looked up earlier.
func rememberedFields() []string {
	return []string{"workflow_state_id", "group_id", "owner_ids", "requested_by_id", "custom_fields"}
}

// maxDepth bounds how deep errors of nested values are read.
const maxDepth = 4

// flatten makes "field: what is wrong" of errors, which follow the request's
// form.
func flatten(at string, errors map[string]any, depth int) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(errors)) {
		name := strings.TrimPrefix(at+"."+key, ".")
		switch v := errors[key].(type) {
		case string:
			out = append(out, name+": "+strings.ReplaceAll(v, "-", " "))
		case map[string]any:
			if depth < maxDepth {
				out = append(out, flatten(name, v, depth+1)...)
			}
		case nil:
		default:
			out = append(out, name+": not valid")
		}
	}
	return out
}

func sentence(said string) string {
	return text.Advised(name, said, ". Ask your admin to check the integration's settings.")
}

func invalid(op, format string, args ...any) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Public: fmt.Sprintf(format, args...)}
}
