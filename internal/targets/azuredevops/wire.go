package azuredevops

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/wire"
)

// What the Work Item Tracking API 7.1 sends and takes, as far as it is used
// here. None of it leaves this folder.

// How much is expected of lists that Azure DevOps gives whole: the fields of an
// organization or of a type, with the values of each and the form they stand in;
// a type's states; areas or iterations.
const (
	manyFields = 500
	manyStates = 50
	manyNodes  = 500
)

// op is one operation of a JSON patch.
type op struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

type relation struct {
	Rel        string         `json:"rel"`
	URL        string         `json:"url"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

type workItem struct {
	ID        int            `json:"id"`
	Rev       int            `json:"rev"`
	Fields    map[string]any `json:"fields"`
	Relations []relation     `json:"relations"`
	// moved is set for an item that is in another project by now.
	moved bool
}

// deletedItem is an item in the recycle bin.
type deletedItem struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// text is a field's value, "" for none and for what is no text.
func (w workItem) text(field string) string { s, _ := w.Fields[field].(string); return s }

type workItemType struct {
	Name   string      `json:"name"`
	Off    bool        `json:"isDisabled"`
	Fields []typeField `json:"fields"`
}

type typeField struct {
	Ref      string `json:"referenceName"`
	Name     string `json:"name"`
	Required bool   `json:"alwaysRequired"`
	// Default and Allowed hold texts, numbers, or whole accounts.
	Default any   `json:"defaultValue"`
	Allowed []any `json:"allowedValues"`
}

type state struct {
	Name     string `json:"name"`
	Color    string `json:"color"`
	Category string `json:"category"`
}

type field struct {
	Ref       string `json:"referenceName"`
	Name      string `json:"name"`
	Type      string `json:"type"`
	ReadOnly  bool   `json:"readOnly"`
	Identity  bool   `json:"isIdentity"`
	Suggested bool   `json:"isPicklistSuggested"`
}

type queryResult struct {
	WorkItems []struct {
		ID int `json:"id"`
	} `json:"workItems"`
}

// batch is a WorkItemBatchGetRequest.
type batch struct {
	IDs         []int    `json:"ids"`
	Fields      []string `json:"fields"`
	ErrorPolicy string   `json:"errorPolicy"`
}

type node struct {
	Name     string `json:"name"`
	Path     string `json:"path"`
	Children []node `json:"children"`
}

type project struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Visibility string `json:"visibility"`
}

// list is how every list comes: the published schema leaves the wrapper out,
// Microsoft's recorded examples have it. Value is nil where there is no list.
type list[T any] struct {
	Value []T `json:"value"`
}

// failure is the body of an error.
type failure struct {
	Message string `json:"message"`
	TypeKey string `json:"typeKey"`
	Custom  struct {
		Rules []rule `json:"RuleValidationErrors"`
		// Reference is the field of a WorkItemFieldInvalidException.
		Reference string `json:"ReferenceName"`
	} `json:"customProperties"`
}

// rule is one broken rule of a RuleValidationException.
type rule struct {
	Ref     string `json:"fieldReferenceName"`
	Flags   string `json:"fieldStatusFlags"`
	Message string `json:"errorMessage"`
}

const (
	typeJSON  = "application/json"
	typePatch = "application/json-patch+json"
)

// client speaks with one organization.
type client struct {
	http  *outbound.Client
	cfg   config
	pause *pause
}

// pause is the time before which Azure DevOps does not want to be asked.
type pause struct{ until atomic.Int64 }

// maxPause bounds what we believe of a Retry-After beside a success, which
// only asks to slow down.
const maxPause = 5 * time.Minute

func (p *pause) left(now time.Time) time.Duration {
	return time.Unix(0, p.until.Load()).Sub(now)
}

func (p *pause) note(h http.Header, now time.Time) {
	if wait := outbound.RetryAfter(h, now); wait > 0 {
		p.until.Store(now.Add(min(wait, maxPause)).UnixNano())
	}
}

// escape escapes one segment of a path.
func escape(s string) string { return url.PathEscape(s) }

func basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

// wit returns the address of a work item tracking resource of the project.
func (c client) wit(path string, query url.Values) string {
	return c.address("/"+escape(c.cfg.project)+"/_apis/wit/"+path, query)
}

func (c client) address(path string, query url.Values) string {
	return c.versioned(path, c.cfg.apiVersion, query)
}

// preview returns the address of a resource of the project that versions before 7.0
// have only as a preview; they refuse it under their plain number.
func (c client) preview(path string) string {
	version := c.cfg.apiVersion
	if version < "7.0" {
		version += "-preview.1"
	}
	return c.versioned("/"+escape(c.cfg.project)+"/_apis/wit/"+path, version, nil)
}

func (c client) versioned(path, version string, query url.Values) string {
	q := url.Values{"api-version": {version}}
	maps.Copy(q, query)
	return c.cfg.base + path + "?" + q.Encode()
}

// get reads an address into out. A read changes nothing, so its error is never
// Unsure, whatever it is a part of.
func (c client) get(ctx context.Context, op, address string, out any) error {
	call := outbound.Call{Op: op, Method: http.MethodGet, URL: address}
	wire.Expect(&call, out)
	return c.read(ctx, call)
}

// query sends a read that is a POST.
func (c client) query(ctx context.Context, op, address string, body, out any) error {
	call, err := wire.JSONCall(op, http.MethodPost, address, body, out)
	if err != nil {
		return err
	}
	return c.read(ctx, call)
}

func (c client) read(ctx context.Context, call outbound.Call) error {
	_, err := c.send(ctx, call)
	return wire.EndRead(call.Op, err, notAzure)
}

// patch sends a JSON patch. A reply that cannot be read is Unsure.
func (c client) patch(ctx context.Context, op, method, address string, ops []op) (workItem, error) {
	var out workItem
	call, err := wire.JSONCall(op, method, address, ops, wire.Answer{Into: &out, Bound: outbound.One().WithTexts(1, maxDescription)})
	if err != nil {
		return workItem{}, err
	}
	call.Header.Set("Content-Type", typePatch)
	reply, err := c.send(ctx, call)
	if err := wire.EndWrite(op, reply, err, &out); err != nil {
		return workItem{}, err
	}
	return out, nil
}

func (c client) send(ctx context.Context, call outbound.Call) (outbound.Reply, error) {
	if wait := c.pause.left(time.Now()); wait > 0 {
		return outbound.Reply{}, &fault.Error{Op: call.Op, Kind: fault.RateLimited, RetryAfter: wait,
			Err: errors.New("not sent: an earlier answer asked to wait")}
	}
	if call.Header == nil {
		call.Header = http.Header{}
	}
	call.Header.Set("Authorization", c.cfg.authorization.Reveal())
	call.Header.Set("Accept", typeJSON)
	// Without this a bad token gets a web page to log in.
	call.Header.Set("X-TFS-FedAuthRedirect", "Suppress")
	call.Refine = c.refine
	reply, err := c.http.Send(ctx, call)
	if err == nil {
		c.pause.note(reply.Header, time.Now())
	}
	return reply, err
}
