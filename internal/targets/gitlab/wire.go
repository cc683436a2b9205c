package gitlab

import (
	"context"
	"net/http"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/wire"
)

// What GitLab's REST API sends and takes, as far as it is used here (its own
// OpenAPI file, and its documentation). None of it leaves this folder.

type issue struct {
	ID          int      `json:"id"` // over all projects
	IID         int      `json:"iid"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	State       string   `json:"state"` // opened or closed
	WebURL      string   `json:"web_url"`
	Labels      []string `json:"labels"`
	// MovedTo is the ID of the issue that a moved one became.
	MovedTo    *int `json:"moved_to_id"`
	References struct {
		Full string `json:"full"` // group/project#12
	} `json:"references"`
}

// movedIssue asks GraphQL where an issue is that is known by its ID alone.
const movedIssue = `query MovedIssue($id: IssueID!) { issue(id: $id) { iid projectId } }`

// movedReply is its answer; a null issue does not exist, or is not shown.
type movedReply struct {
	Data struct {
		Issue *struct {
			IID       string `json:"iid"`
			ProjectID int    `json:"projectId"`
		} `json:"issue"`
	} `json:"data"`
}

type graphQuery struct {
	Query     string            `json:"query"`
	Variables map[string]string `json:"variables"`
}

// issueBody holds the fields that a create and an update share.
type issueBody struct {
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	AssigneeIDs []int  `json:"assignee_ids,omitempty"`
	DueDate     string `json:"due_date,omitempty"`
	Weight      *int   `json:"weight,omitempty"`
	MilestoneID int    `json:"milestone_id,omitempty"`
	Severity    string `json:"severity,omitempty"`
}

type newIssue struct {
	issueBody
	IssueType    string   `json:"issue_type,omitempty"`
	Confidential bool     `json:"confidential,omitempty"`
	EpicID       int      `json:"epic_id,omitempty"`
	Labels       []string `json:"labels"`
}

type changeIssue struct {
	issueBody
	AddLabels  []string `json:"add_labels,omitempty"`
	StateEvent string   `json:"state_event,omitempty"`
}

type newNote struct {
	Body string `json:"body"`
}

type account struct {
	ID          int    `json:"id"`
	State       string `json:"state"`
	Email       string `json:"email"` // for administrators, and group owners of their own people
	PublicEmail string `json:"public_email"`
	IsAdmin     bool   `json:"is_admin"`
	AccessLevel int    `json:"access_level"` // of a member
}

type tokenReply struct {
	Scopes []string `json:"scopes"`
	// ExpiresAt is a day; null: never.
	ExpiresAt string `json:"expires_at"`
}

type access struct {
	Level int `json:"access_level"`
}

type project struct {
	ID          int    `json:"id"`
	Path        string `json:"path_with_namespace"`
	Name        string `json:"name_with_namespace"`
	Archived    bool   `json:"archived"`
	IssuesLevel string `json:"issues_access_level"`
	Visibility  string `json:"visibility"`
	Namespace   struct {
		ID   int    `json:"id"`
		Kind string `json:"kind"`
	} `json:"namespace"`
	Permissions struct {
		Project *access `json:"project_access"`
		Group   *access `json:"group_access"`
	} `json:"permissions"`
}

type epic struct {
	ID int `json:"id"`
}

type milestone struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
}

// The APIs' paths under GitLab's address.
const (
	restPath  = "/api/v4"
	graphPath = "/api/graphql"
)

// one returns the answer with an issue, whose text may be the longest.
func one(i *issue) wire.Answer {
	return wire.Answer{Into: i, Bound: outbound.One().WithTexts(1, maxDescription)}
}

// client speaks with one GitLab.
type client struct {
	http *outbound.Client
	cfg  config
}

// get reads path into out. A read changes nothing, so its error is never
// Unsure, whatever it is a part of.
func (c client) get(ctx context.Context, op, path string, out any) error {
	_, err := c.send(ctx, op, http.MethodGet, restPath+path, nil, out)
	return wire.EndRead(op, err, notGitLab)
}

// ask reads by GraphQL. What it says of a failure under 200 leaves out empty.
func (c client) ask(ctx context.Context, op, query string, variables map[string]string, out any) error {
	_, err := c.send(ctx, op, http.MethodPost, graphPath, graphQuery{Query: query, Variables: variables}, out)
	return wire.EndRead(op, err, notGitLab)
}

// write sends a body; out may be nil. A reply that cannot be read is Unsure.
func (c client) write(ctx context.Context, op, method, path string, body, out any) error {
	reply, err := c.send(ctx, op, method, restPath+path, body, out)
	return wire.EndWrite(op, reply, err, out)
}

func (c client) send(ctx context.Context, op, method, path string, body, out any) (outbound.Reply, error) {
	call, err := wire.JSONCall(op, method, c.cfg.url+path, body, out)
	if err != nil {
		return outbound.Reply{}, err
	}
	if c.cfg.oauth {
		call.Header.Set("Authorization", "Bearer "+c.cfg.token.Reveal())
	} else {
		call.Header.Set("Private-Token", c.cfg.token.Reveal())
	}
	call.Refine = c.refine
	return c.http.Send(ctx, call)
}
