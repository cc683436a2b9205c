package asana

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/wire"
)

// What Asana's API 1.0 sends and takes, as far as it is used here. None of it
// leaves this folder.

// escape escapes one segment of a path.
func escape(s string) string { return url.PathEscape(s) }

type named struct {
	GID  string `json:"gid"`
	Name string `json:"name"`
}

type task struct {
	named
	Completed bool   `json:"completed"`
	Created   string `json:"created_at"`
	Notes     string `json:"notes"`
	Link      string `json:"permalink_url"`
	Members   []struct {
		Project named `json:"project"`
		Section named `json:"section"`
	} `json:"memberships"`
	Fields []struct {
		GID  string `json:"gid"`
		Enum *enum  `json:"enum_value"`
	} `json:"custom_fields"`
	Tags []named `json:"tags"`
}

type enum struct {
	named
	Color   string `json:"color"`
	Enabled bool   `json:"enabled"`
}

type project struct {
	named
	Archived  bool  `json:"archived"`
	Workspace named `json:"workspace"`
}

type fieldSetting struct {
	Field customField `json:"custom_field"`
}

type customField struct {
	named
	Type     string `json:"resource_subtype"`
	Options  []enum `json:"enum_options"`
	Formula  bool   `json:"is_formula_field"`
	ReadOnly bool   `json:"is_value_read_only"`
	IDPrefix string `json:"id_prefix"`
}

type user struct {
	GID        string  `json:"gid"`
	Workspaces []named `json:"workspaces"`
}

// write is a new or changed task; what is empty is not sent.
type write struct {
	Name        string         `json:"name,omitempty"`
	Notes       string         `json:"html_notes,omitempty"`
	Type        string         `json:"resource_subtype,omitempty"`
	Assignee    string         `json:"assignee,omitempty"`
	DueOn       string         `json:"due_on,omitempty"`
	StartOn     string         `json:"start_on,omitempty"`
	Completed   bool           `json:"completed,omitempty"`
	Parent      string         `json:"parent,omitempty"`
	Projects    []string       `json:"projects,omitempty"`
	Memberships []membership   `json:"memberships,omitempty"`
	Tags        []string       `json:"tags,omitempty"`
	Fields      map[string]any `json:"custom_fields,omitempty"`
	External    *external      `json:"external,omitempty"`
}

// membership names both by their gids alone (so Asana's maintainers answered;
// the published schema only has the form that replies have).
type membership struct {
	Project string `json:"project"`
	Section string `json:"section"`
}

type external struct {
	GID string `json:"gid"`
}

type comment struct {
	Text string `json:"text"`
}

type tagged struct {
	Tag string `json:"tag"`
}

type dateValue struct {
	Date string `json:"date"`
}

// batch is several requests in one.
type batch struct {
	Actions []action `json:"actions"`
}

type action struct {
	Path    string        `json:"relative_path"`
	Method  string        `json:"method"`
	Options actionOptions `json:"options"`
}

type actionOptions struct {
	Fields []string `json:"fields"`
}

// actionResult is the answer to one action that reads a task.
type actionResult struct {
	Status int `json:"status_code"`
	Body   struct {
		Data task `json:"data"`
	} `json:"body"`
}

// envelope is around everything that goes either way.
type envelope struct {
	Data any `json:"data"`
}

type errorsReply struct {
	Errors []struct {
		Message string `json:"message"`
		Phrase  string `json:"phrase"`
	} `json:"errors"`
}

// pageSize is the most that Asana gives at once, and maxActions the most
// actions of a batch.
const (
	pageSize   = 100
	maxActions = 10
)

// client speaks with Asana.
type client struct {
	http *outbound.Client
	cfg  config
}

func (c client) address(path string, query url.Values) string {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.cfg.url + "/api/1.0" + path
}

// asking asks for properties beyond the compact form.
func asking(fields ...string) url.Values {
	return url.Values{"opt_fields": {strings.Join(fields, ",")}}
}

// get reads path into out. A read changes nothing, so its error is never Unsure.
func (c client) get(ctx context.Context, op, path string, query url.Values, out any) error {
	_, err := c.getPage(ctx, op, path, query, out)
	return err
}

// getPage reads one page and returns the offset of the next, "" for none.
func (c client) getPage(ctx context.Context, op, path string, query url.Values, out any) (next string, err error) {
	return c.read(ctx, op, http.MethodGet, path, query, nil, out)
}

// query sends a read that is a POST.
func (c client) query(ctx context.Context, op, path string, data, out any) error {
	_, err := c.read(ctx, op, http.MethodPost, path, nil, envelope{Data: data}, out)
	return err
}

// read sends a request that changes nothing.
func (c client) read(ctx context.Context, op, method, path string, query url.Values, body, out any) (next string, err error) {
	answer, ok := out.(wire.Answer)
	if !ok {
		answer.Into = out
	}
	var in struct {
		Data wire.Part `json:"data"`
		Next *struct {
			Offset string `json:"offset"`
		} `json:"next_page"`
	}
	in.Data.Into, answer.Into = answer.Into, &in
	_, err = c.send(ctx, op, method, path, query, body, answer)
	if err = wire.EndRead(op, err, notAsana); err != nil {
		return "", err
	}
	if !in.Data.Found {
		return "", notAsana(op, errors.New("the answer holds no data"))
	}
	if in.Next != nil {
		next = in.Next.Offset
	}
	return next, nil
}

// list reads all pages, at most pages, of size things without long texts each;
// whole is false where there are more.
func list[T any](ctx context.Context, c client, op, path string, query url.Values, pages, size int) (all []T, whole bool, err error) {
	return listWithin[T](ctx, c, op, path, query, pages, size, outbound.Items(size))
}

// listWithin does what list does, with a bound for each page.
func listWithin[T any](ctx context.Context, c client, op, path string, query url.Values, pages, size int, bound outbound.Bound) (all []T, whole bool, err error) {
	if query == nil {
		query = url.Values{}
	}
	query.Set("limit", strconv.Itoa(size))
	for range pages {
		var page []T
		next, err := c.getPage(ctx, op, path, query, wire.Answer{Into: &page, Bound: bound})
		if err != nil {
			return nil, false, err
		}
		if page == nil {
			return nil, false, notAsana(op, errors.New("the answer holds no list"))
		}
		all = append(all, page...)
		if next == "" {
			return all, true, nil
		}
		query.Set("offset", next)
	}
	return all, false, nil
}

// change sends data. out may be nil. A reply that cannot be read is Unsure.
func (c client) change(ctx context.Context, op, method, path string, query url.Values, data, out any) error {
	if out != nil {
		out = &envelope{Data: out}
	}
	reply, err := c.send(ctx, op, method, path, query, envelope{Data: data}, wire.Answer{Into: out, Bound: outbound.One().WithTexts(1, maxNotes)})
	return wire.EndWrite(op, reply, err, out)
}

func (c client) send(ctx context.Context, op, method, path string, query url.Values, body, out any) (outbound.Reply, error) {
	call, err := wire.JSONCall(op, method, c.address(path, query), body, out)
	if err != nil {
		return outbound.Reply{}, err
	}
	call.Header.Set("Authorization", "Bearer "+c.cfg.token.Reveal())
	call.Refine = c.refine
	return c.http.Send(ctx, call)
}
