package gitea

import (
	"context"
	"net/http"
	"strings"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/wire"
)

// What Gitea's REST API sends and takes, as far as it is used here, from its
// Swagger description. None of it leaves this folder.

const (
	stateClosed = "closed"

	adviceSettings = " Ask your admin to change that in Gitea or in the integration's settings."
)

type user struct {
	Login string `json:"login"`
	Email string `json:"email"`
}

type repository struct {
	FullName  string `json:"full_name"`
	HasIssues bool   `json:"has_issues"`
	Archived  bool   `json:"archived"`
	// Private and Internal are false for a repository that strangers can read;
	// Private is nil if Gitea does not say.
	Private  *bool `json:"private"`
	Internal bool  `json:"internal"`
	// External is set where issues are kept elsewhere.
	External *struct{} `json:"external_tracker"`
}

// keepsIssues reports whether the repository has issues of its own.
func (r repository) keepsIssues() bool { return r.HasIssues && r.External == nil }

type issue struct {
	Number    int        `json:"number"`
	HTMLURL   string     `json:"html_url"`
	Title     string     `json:"title"`
	Body      string     `json:"body"`
	State     string     `json:"state"`
	Labels    []label    `json:"labels"`
	Milestone *milestone `json:"milestone"`
}

type label struct {
	ID       int    `json:"id"`
	Name     string `json:"name"`
	Archived bool   `json:"is_archived"`
}

type milestone struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
}

type newIssue struct {
	Title     string   `json:"title"`
	Body      string   `json:"body,omitempty"`
	Labels    []int    `json:"labels,omitempty"`
	Assignees []string `json:"assignees,omitempty"`
	Milestone int      `json:"milestone,omitempty"`
}

type changeIssue struct {
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
	State string `json:"state,omitempty"`
	// Milestone is its number.
	Milestone int `json:"milestone,omitempty"`
}

type addLabels struct {
	Labels []int `json:"labels"`
}

type newLabel struct {
	Name  string `json:"name"`
	Color string `json:"color"`
}

type newComment struct {
	Body string `json:"body"`
}

// one returns the answer with an issue, whose text may be the longest.
func one(i *issue) wire.Answer {
	return wire.Answer{Into: i, Bound: outbound.One().WithTexts(1, maxBody)}
}

// many returns the answer with a page of issues, a third of which may have the
// longest text.
func many(list *[]issue) wire.Answer {
	return wire.Answer{Into: list, Bound: outbound.Items(perPage).WithTexts(perPage/3, maxBody)}
}

// client speaks with Gitea for one repository.
type client struct {
	http *outbound.Client
	cfg  config
}

// get reads path into out. A read changes nothing, so its error is never
// Unsure, whatever it is a part of.
func (c client) get(ctx context.Context, op, path string, out any) error {
	_, err := c.page(ctx, op, path, out)
	return err
}

// page does what get does, and reports whether another page follows.
func (c client) page(ctx context.Context, op, path string, out any) (more bool, err error) {
	reply, err := c.send(ctx, op, http.MethodGet, path, nil, out)
	return strings.Contains(reply.Header.Get("Link"), `rel="next"`), wire.EndRead(op, err, notGitea)
}

// write sends a body; out may be nil. A reply that cannot be read is Unsure.
func (c client) write(ctx context.Context, op, method, path string, body, out any) error {
	reply, err := c.send(ctx, op, method, path, body, out)
	return wire.EndWrite(op, reply, err, out)
}

func (c client) send(ctx context.Context, op, method, path string, body, out any) (outbound.Reply, error) {
	call, err := wire.JSONCall(op, method, c.cfg.url+apiPath+path, body, out)
	if err != nil {
		return outbound.Reply{}, err
	}
	call.Header.Set("Authorization", "token "+c.cfg.token.Reveal())
	call.Refine = c.refine
	return c.http.Send(ctx, call)
}
