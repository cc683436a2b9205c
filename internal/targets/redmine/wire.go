package redmine

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/wire"
)

// What Redmine's REST API sends and takes, as far as it is used here (seen on
// Redmine 5.0.4). None of it leaves this folder.

type ref struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

type status struct {
	ref
	IsClosed bool `json:"is_closed"`
}

type issue struct {
	ID      int          `json:"id"`
	Tracker ref          `json:"tracker"`
	Status  ref          `json:"status"`
	Subject string       `json:"subject"`
	Fields  []fieldValue `json:"custom_fields"`
	Allowed []status     `json:"allowed_statuses"`
}

type fieldValue struct {
	ref
	// Multiple is there only if it is true.
	Multiple bool `json:"multiple"`
	// Value is a string, null, or a list where the field takes several.
	Value any `json:"value"`
}

type userReply struct {
	User user `json:"user"`
}

// user is an account. Redmine tells of another's whether it is an
// administrator's, and of most others' the address, to administrators alone.
type user struct {
	ID    int    `json:"id"`
	Admin bool   `json:"admin"`
	Mail  string `json:"mail"`
	// Memberships, if asked for, are those in projects that the key's account
	// sees; roles by way of groups and parent projects are among them.
	Memberships []struct {
		Project ref   `json:"project"`
		Roles   []ref `json:"roles"`
	} `json:"memberships"`
}

// rolesIn lists the roles that an account has in a project.
func (u user) rolesIn(project int) []ref {
	for _, m := range u.Memberships {
		if m.Project.ID == project {
			return m.Roles
		}
	}
	return nil
}

// usersReply is for administrators only.
type usersReply struct {
	Users []user `json:"users"`
}

type roleReply struct {
	Role struct {
		// Assignable reports whether issues can be given to members with the
		// role; nil: Redmine is too old to say.
		Assignable  *bool    `json:"assignable"`
		Permissions []string `json:"permissions"`
	} `json:"role"`
}

type issueReply struct {
	Issue issue `json:"issue"`
}

type issuesReply struct {
	Issues []issue `json:"issues"`
	Total  int     `json:"total_count"`
}

type newIssue struct {
	ProjectID int `json:"project_id"`
	TrackerID int `json:"tracker_id"`
	content
}

// changeIssue leaves what it does not name as it is.
type changeIssue struct {
	StatusID int    `json:"status_id,omitempty"`
	Notes    string `json:"notes,omitempty"`
	content
}

// content holds the fields that a new issue and a changed one can be given.
type content struct {
	Subject     string       `json:"subject,omitempty"`
	Description *string      `json:"description,omitempty"`
	PriorityID  int          `json:"priority_id,omitempty"`
	CategoryID  int          `json:"category_id,omitempty"`
	VersionID   int          `json:"fixed_version_id,omitempty"`
	AssigneeID  int          `json:"assigned_to_id,omitempty"`
	ParentID    int          `json:"parent_issue_id,omitempty"`
	StartDate   string       `json:"start_date,omitempty"`
	DueDate     string       `json:"due_date,omitempty"`
	Hours       *float64     `json:"estimated_hours,omitempty"`
	DoneRatio   *int         `json:"done_ratio,omitempty"`
	Private     *bool        `json:"is_private,omitempty"`
	Fields      []fieldInput `json:"custom_fields,omitempty"`
}

type fieldInput struct {
	ID int `json:"id"`
	// Value is a string, or a list where the field takes several.
	Value any `json:"value"`
}

const projectClosed = 5 // Project::STATUS_CLOSED

type projectReply struct {
	Project struct {
		ref
		Status   int   `json:"status"`
		Public   bool  `json:"is_public"`
		Trackers []ref `json:"trackers"`
		// Fields are only those the project chose itself: fields "for all
		// projects" are missing.
		Fields     []ref `json:"issue_custom_fields"`
		Categories []ref `json:"issue_categories"`
		Modules    []ref `json:"enabled_modules"`
		// Activities are there since Redmine 3.4, which no answer names.
		Activities []ref `json:"time_entry_activities"`
	} `json:"project"`
}

type projectsReply struct {
	Projects []struct {
		Identifier string `json:"identifier"`
		Name       string `json:"name"`
		Status     int    `json:"status"`
		Modules    []ref  `json:"enabled_modules"`
	} `json:"projects"`
	Total int `json:"total_count"`
}

type versionsReply struct {
	Versions []struct {
		ref
		Status string `json:"status"`
	} `json:"versions"`
}

type trackersReply struct {
	Trackers []struct {
		ref
		Default ref `json:"default_status"`
		// Core are the native fields that the tracker has, of those that can
		// be switched off; nil: Redmine is too old to say (before 5.0).
		Core []string `json:"enabled_standard_fields"`
	} `json:"trackers"`
}

type statusesReply struct {
	Statuses []status `json:"issue_statuses"`
}

type prioritiesReply struct {
	Priorities []struct {
		ref
		Active *bool `json:"active"` // nil: Redmine is too old to say
	} `json:"issue_priorities"`
}

// active lists the priorities that new issues can have.
func (r prioritiesReply) active() []ref {
	var out []ref
	for _, p := range r.Priorities {
		if p.Active == nil || *p.Active {
			out = append(out, p.ref)
		}
	}
	return out
}

// fieldsReply is for administrators only (403 for everybody else).
type fieldsReply struct {
	Fields []customField `json:"custom_fields"`
}

type customField struct {
	ref
	For string `json:"customized_type"`
	// Format is empty where only the field's name is known.
	Format   string `json:"field_format"`
	Required bool   `json:"is_required"`
	Default  string `json:"default_value"`
	Multiple bool   `json:"multiple"`
	// Max is the most characters; null: no limit.
	Max    int `json:"max_length"`
	Values []struct {
		Value string `json:"value"`
		Label string `json:"label"`
	} `json:"possible_values"`
	Trackers []ref `json:"trackers"`
}

type errorsReply struct {
	Errors []string `json:"errors"`
}

// manyItems is how much is expected of what Redmine gives whole: a project with
// all that belongs to it, its versions, or custom fields with their values.
const manyItems = 200

// issues is the answer with up to n issues, one of which may have a text far
// beyond what Productboard takes.
func issues(into any, n int) wire.Answer {
	const text = 1 << 20
	return wire.Answer{Into: into, Bound: outbound.Items(n).WithTexts(1, text)}
}

// client speaks with one Redmine.
type client struct {
	http *outbound.Client
	cfg  config
}

// get reads path into out. A read changes nothing, so its error is never
// Unsure, whatever it is a part of.
func (c client) get(ctx context.Context, op, path string, out any) error {
	_, err := c.send(ctx, op, http.MethodGet, path, nil, out)
	return wire.EndRead(op, err, notRedmine)
}

// write sends a body. out may be nil (Redmine answers a change with 204). A
// reply that cannot be read is Unsure.
func (c client) write(ctx context.Context, op, method, path string, body, out any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return &fault.Error{Op: op, Kind: fault.Internal, Err: err}
	}
	reply, err := c.send(ctx, op, method, path, raw, out)
	if err == nil && out == nil && wire.WebPage(reply) {
		e := notRedmine(op, errors.New("the answer is a web page"))
		e.Unsure = true
		return e
	}
	return wire.EndWrite(op, reply, err, out)
}

func (c client) send(ctx context.Context, op, method, path string, body []byte, out any) (outbound.Reply, error) {
	h := http.Header{}
	h.Set("X-Redmine-API-Key", c.cfg.key.Reveal())
	h.Set("Accept", "application/json")
	if body != nil {
		h.Set("Content-Type", "application/json")
	}
	call := outbound.Call{Op: op, Method: method, URL: c.cfg.url + path, Header: h, Body: body, Refine: c.refine}
	wire.Expect(&call, out)
	return c.http.Send(ctx, call)
}
