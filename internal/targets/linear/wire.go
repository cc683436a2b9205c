package linear

import (
	"context"
	"errors"
	"net/http"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/wire"
)

// What Linear's GraphQL API sends and takes, as far as it is used here (its
// own schema, and its documentation). None of it leaves this folder.

type state struct {
	ID       string
	Name     string
	Type     string
	Color    string
	Position float64
}

type issue struct {
	ID         string
	Identifier string
	URL        string
	Title      string
	Trashed    bool
	// ArchivedAt is a time; AutoArchivedAt is set where Linear archived the
	// issue by itself.
	ArchivedAt, AutoArchivedAt string
	Previous                   []string `json:"previousIdentifiers"`
	State                      state
}

// nodes is a connection, of which one page is read.
type nodes[T any] struct {
	Nodes    []T
	PageInfo struct {
		HasNextPage bool
		EndCursor   string
	}
}

// payload is the result of a mutation of an issue.
type payload struct{ Issue *issue }

type team struct {
	ID, Key, Name       string
	RetiredAt           string
	IssueEstimationType string
	States              nodes[state]
	Projects            nodes[project]
}

type project struct{ ID, Name, SlugID string }

type label struct {
	ID, Name string
	// Parent is the group that the label is in, of which an issue has one.
	Parent *struct{ ID string }
}

type user struct {
	ID, Email string
	Active    bool
}

// issueInput is IssueCreateInput and IssueUpdateInput.
type issueInput struct {
	ID            string   `json:"id,omitempty"`     // create only
	TeamID        string   `json:"teamId,omitempty"` // create only
	Title         string   `json:"title,omitempty"`
	Description   string   `json:"description,omitempty"`
	LabelIDs      []string `json:"labelIds,omitempty"`      // create only
	AddedLabelIDs []string `json:"addedLabelIds,omitempty"` // update only
	AssigneeID    string   `json:"assigneeId,omitempty"`
	StateID       string   `json:"stateId,omitempty"`
	ProjectID     string   `json:"projectId,omitempty"`
	ParentID      string   `json:"parentId,omitempty"`
	Priority      *int     `json:"priority,omitempty"`
	Estimate      *int     `json:"estimate,omitempty"`
	DueDate       string   `json:"dueDate,omitempty"`
}

// newLink is AttachmentCreateInput. Linear changes an attachment that is there
// with the same address instead of adding one.
type newLink struct {
	IssueID  string `json:"issueId"`
	Title    string `json:"title"`
	Subtitle string `json:"subtitle"`
	URL      string `json:"url"`
}

type newComment struct {
	IssueID string `json:"issueId"`
	Body    string `json:"body"`
}

type vars map[string]any

// oneOf is an IssueFilter for issues by their ids.
func oneOf(ids []string) map[string]any {
	return map[string]any{"id": map[string]any{"in": ids}}
}

// pageItems is the most things of one kind that a document asks for.
const pageItems = 250

// client speaks with Linear.
type client struct {
	http *outbound.Client
	cfg  config
}

// query reads. A read changes nothing, so its error is never Unsure, whatever
// it is a part of.
func (c client) query(ctx context.Context, op string, doc document, in vars, data any) error {
	found, err := c.send(ctx, op, doc, in, data)
	if err = wire.EndRead(op, err, notLinear); err == nil && !found {
		err = notLinear(op, errNoData())
	}
	return err
}

// mutate writes. A reply that cannot be read is Unsure.
func (c client) mutate(ctx context.Context, op string, doc document, in vars, data any) error {
	found, err := c.send(ctx, op, doc, in, data)
	if err = wire.EndWrite(op, outbound.Reply{}, err, data); err == nil && !found {
		err = wire.Unreadable(op, errNoData())
	}
	return err
}

func errNoData() error { return errors.New("the answer holds no data") }

// send sends a document and reads the data of its answer; found is false where
// there is none. A page of the longest list has pageItems things.
func (c client) send(ctx context.Context, op string, doc document, in vars, data any) (found bool, err error) {
	var whole struct{ Data wire.Part }
	whole.Data.Into = data
	call, err := wire.JSONCall(op, http.MethodPost, c.cfg.url+"/graphql", struct {
		Query         string `json:"query"`
		OperationName string `json:"operationName"`
		Variables     vars   `json:"variables,omitempty"`
	}{string(doc), doc.name(), in}, wire.List(&whole, pageItems))
	if err != nil {
		return false, err
	}
	if c.cfg.oauth {
		call.Header.Set("Authorization", "Bearer "+c.cfg.key.Reveal())
	} else {
		call.Header.Set("Authorization", c.cfg.key.Reveal()) // a personal key goes bare
	}
	call.Refine = refine
	_, err = c.http.Send(ctx, call)
	return whole.Data.Found, err
}
