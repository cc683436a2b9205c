package jira

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
)

// What Jira's REST API sends and takes, as far as it is used here: version 3
// of Jira Cloud as Atlassian publishes it, version 2 of Data Center. None of it
// leaves this folder.

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

type fieldMeta struct {
	ID         string         `json:"fieldId"`
	Name       string         `json:"name"`
	Required   bool           `json:"required"`
	HasDefault bool           `json:"hasDefaultValue"`
	Schema     fieldSchema    `json:"schema"`
	Allowed    []allowedValue `json:"allowedValues"`
}

type fieldSchema struct {
	Type   string `json:"type"`
	Items  string `json:"items"`
	System string `json:"system"`
	Custom string `json:"custom"`
}

// allowedValue is one choice; which of the names is filled depends on the field.
type allowedValue struct {
	ID       string         `json:"id"`
	Value    string         `json:"value"`
	Name     string         `json:"name"`
	Key      string         `json:"key"`
	Disabled bool           `json:"disabled"`
	Archived bool           `json:"archived"`
	Children []allowedValue `json:"children"`
}

func (a allowedValue) title() string {
	if a.Value != "" {
		return a.Value
	}
	if a.Name != "" {
		return a.Name
	}
	return a.Key
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
	reply, err := c.send(ctx, op, method, path, body, 0)
	return targets.ReadJSON(op, reply, err, out, notJira)
}

// notJira is a read that brought something else than what Jira sends.
func notJira(op string, err error) *fault.Error {
	return targets.Stranger(op, name, "settings.url and settings.edition", err)
}

// write sends a body. out may be nil: Jira answers most changes with 204. A
// reply that cannot be read is Unsure.
func (c client) write(ctx context.Context, op, method, path string, body, out any) error {
	reply, err := c.send(ctx, op, method, path, body, 0)
	return targets.WroteJSON(op, reply, err, out)
}

// send sends a call to a path below the API's version.
func (c client) send(ctx context.Context, op, method, path string, body any, timeout time.Duration) (outbound.Reply, error) {
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
	version := "/rest/api/3"
	if !c.cfg.cloud {
		version = "/rest/api/2"
	}
	return c.http.Send(ctx, outbound.Call{Op: op, Method: method, URL: c.cfg.api + version + path, Header: h, Body: raw.Bytes(), Timeout: timeout, Refine: c.refine})
}

// refine turns what Jira says of a failure into a sentence. What it says of
// fields is left to those who know them by name (see explain).
func (c client) refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	if verdict == nil {
		return nil
	}
	for _, name := range []string{"Atl-Traceid", "X-Arequestid", "X-Request-Id"} {
		if verdict.Ref == "" {
			verdict.Ref = r.Header.Get(name)
		}
	}
	said := c.saidIn(r.Body)
	if !said.empty() {
		said.status = r.Status
		verdict.Err = said
	}
	switch {
	case r.Status == http.StatusUnauthorized && strings.Contains(said.text(), "scope does not match"):
		// The gateway's answer to a good token without the scope.
		verdict.Kind = fault.Forbidden
		verdict.Public = "Jira: the token lacks a scope. Ask your admin to make one with read:jira-work, write:jira-work and read:jira-user."
	case r.Status == http.StatusUnauthorized:
		verdict.Public = "Jira refused the " + c.credential() + ". Ask your admin to renew it in the integration's settings."
	case r.Status == http.StatusForbidden && strings.Contains(r.Header.Get("X-Authentication-Denied-Reason"), "CAPTCHA"):
		verdict.Kind = fault.Unauthorized
		verdict.Public = "Jira asks for a CAPTCHA before it lets the integration's account in. Ask your admin to sign in to Jira as that account once."
	case r.Status == http.StatusForbidden:
		verdict.Public = fmt.Sprintf("Jira does not allow this to the integration's account in project %s. Ask a Jira admin to give it the permissions to browse, create, edit and link issues there.", c.cfg.project)
	case (r.Status == http.StatusBadRequest || r.Status == http.StatusUnprocessableEntity) && !said.empty():
		verdict.Public = refusal(said.text())
	case r.Status >= 300 && r.Status < 400:
		verdict.Public = "Jira's address leads elsewhere. Ask your admin to check settings.url (https? a login page in front of it?)."
	case r.Status == http.StatusTooManyRequests:
		limited(r.Header, verdict)
	}
	return verdict
}

// limited reads which of Cloud's limits was met: a burst, one issue's writes,
// or a quota that may take until the next hour (RateLimit-Reason).
func limited(h http.Header, verdict *fault.Error) {
	if reason := h.Get("RateLimit-Reason"); reason != "" {
		verdict.Err = fmt.Errorf("%w (%s)", verdict.Err, targets.Title(reason, 60))
	}
	if verdict.RetryAfter > 0 {
		return
	}
	if at, err := time.Parse(time.RFC3339, h.Get("X-RateLimit-Reset")); err == nil {
		verdict.RetryAfter = min(max(time.Until(at), 0), time.Hour)
	}
}

func (c client) credential() string {
	switch {
	case !c.cfg.cloud:
		return "personal access token"
	case c.cfg.oauth:
		return "OAuth access token (it ends after an hour)"
	default:
		return "API token or its e-mail address"
	}
}

// saidError is what Jira said of a failure.
type saidError struct {
	status   int
	messages []string
	fields   map[string]string // by the field's id
}

func (e *saidError) Error() string {
	return fmt.Sprintf("HTTP status %d: %s", e.status, targets.Title(e.text(), 1000))
}

func (e *saidError) empty() bool { return len(e.messages) == 0 && len(e.fields) == 0 }

// text is everything that was said, in a stable order.
func (e *saidError) text() string {
	all := slices.Clone(e.messages)
	for _, id := range slices.Sorted(maps.Keys(e.fields)) {
		all = append(all, e.fields[id])
	}
	return strings.Join(all, " ")
}

// saidIn reads an error's body: Jira's own form, the gateway's, or nothing
// where a proxy or a login page answered.
func (c client) saidIn(body []byte) *saidError {
	var reply struct {
		Messages []string       `json:"errorMessages"`
		Errors   map[string]any `json:"errors"`
		Message  string         `json:"message"`
	}
	said := &saidError{fields: map[string]string{}}
	if json.Unmarshal(body, &reply) != nil {
		return said
	}
	if reply.Message != "" {
		reply.Messages = append(reply.Messages, reply.Message)
	}
	for _, m := range reply.Messages {
		if m = c.clean(m); m != "" {
			said.messages = append(said.messages, m)
		}
	}
	for id, v := range reply.Errors {
		if text, ok := v.(string); ok {
			said.fields[id] = c.clean(text)
		}
	}
	return said
}

// clean removes our Authorization from a text: the portable layer knows the
// token, not how Basic writes it.
func (c client) clean(s string) string {
	_, encoded, _ := strings.Cut(c.cfg.auth.Reveal(), " ")
	return strings.TrimSpace(strings.ReplaceAll(s, encoded, "[secret]"))
}

// saidBy gives what Jira said of a refused request, if err is one.
func saidBy(err error) (*saidError, bool) {
	var said *saidError
	if errors.As(err, &said) && (said.status == http.StatusBadRequest || said.status == http.StatusUnprocessableEntity) {
		return said, true
	}
	return nil, false
}

// refusal is the sentence for something Jira refused.
func refusal(said string) string {
	return targets.Advised(name, said, ". Ask your admin to change that in Jira or in the integration's settings.")
}

func invalid(op, format string, args ...any) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Public: fmt.Sprintf(format, args...)}
}
