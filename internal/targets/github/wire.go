package github

import (
	"context"
	"net/http"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/wire"
)

// What GitHub's REST API sends and takes, as far as it is used here, from its
// OpenAPI description. None of it leaves this folder.

const (
	stateClosed      = "closed"
	reasonNotPlanned = "not_planned"
	reasonDuplicate  = "duplicate"

	apiVersion = "2022-11-28"
	mediaType  = "application/vnd.github+json"
)

type user struct {
	Login string `json:"login"`
	Type  string `json:"type"`
}

type repository struct {
	ID        int64  `json:"id"`
	FullName  string `json:"full_name"`
	Owner     user   `json:"owner"`
	HasIssues bool   `json:"has_issues"`
	Archived  bool   `json:"archived"`
	// Private is true for internal repositories too; nil if GitHub does not say.
	Private *bool `json:"private"`
	// Permissions are those of the account; nil if GitHub does not say.
	Permissions *struct {
		Push bool `json:"push"`
	} `json:"permissions"`
}

type issue struct {
	Number      int       `json:"number"`
	HTMLURL     string    `json:"html_url"`
	Title       string    `json:"title"`
	Body        string    `json:"body"`
	State       string    `json:"state"`
	StateReason string    `json:"state_reason"`
	PullRequest *struct{} `json:"pull_request"` // lists of issues hold pull requests too
}

type milestone struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
}

type label struct {
	Name string `json:"name"`
}

type issueType struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

type newIssue struct {
	Title     string   `json:"title"`
	Body      string   `json:"body,omitempty"`
	Labels    []string `json:"labels,omitempty"`
	Assignees []string `json:"assignees,omitempty"`
	Milestone int      `json:"milestone,omitempty"`
	Type      string   `json:"type,omitempty"`
}

type changeIssue struct {
	Title       string `json:"title,omitempty"`
	Body        string `json:"body,omitempty"`
	State       string `json:"state,omitempty"`
	StateReason string `json:"state_reason,omitempty"`
}

type addLabels struct {
	Labels []string `json:"labels"`
}

type newComment struct {
	Body string `json:"body"`
}

type aboutApp struct {
	Slug string `json:"slug"`
	// Events are what its webhook tells of.
	Events []string `json:"events"`
}

type tokenRequest struct {
	Repositories []string          `json:"repositories,omitempty"`
	Permissions  map[string]string `json:"permissions,omitempty"`
}

type tokenReply struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
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

// client speaks with GitHub for one repository.
type client struct {
	http *outbound.Client
	cfg  config
	// app returns tokens where the plugin acts as a GitHub App; nil: cfg.token.
	app *appTokens
}

// get reads path into out (nil: whether it is there). A read changes nothing,
// so its error is never Unsure, whatever it is a part of.
func (c client) get(ctx context.Context, op, path string, out any) error {
	_, err := c.page(ctx, op, path, out)
	return err
}

// page does what get does, and reports whether another page follows.
func (c client) page(ctx context.Context, op, path string, out any) (more bool, err error) {
	reply, err := c.send(ctx, op, http.MethodGet, path, nil, out)
	return strings.Contains(reply.Header.Get("Link"), `rel="next"`), wire.EndRead(op, err, notGitHub)
}

// getAs does what get does, with another token.
func (c client) getAs(ctx context.Context, token, op, path string, out any) error {
	_, err := c.sendAs(ctx, token, op, http.MethodGet, path, nil, out)
	return wire.EndRead(op, err, notGitHub)
}

// write sends a body; out may be nil. A reply that cannot be read is Unsure.
func (c client) write(ctx context.Context, op, method, path string, body, out any) error {
	reply, err := c.send(ctx, op, method, path, body, out)
	return wire.EndWrite(op, reply, err, out)
}

func (c client) send(ctx context.Context, op, method, path string, body, out any) (outbound.Reply, error) {
	token := c.cfg.token.Reveal()
	if c.app != nil {
		var err error
		if token, err = c.app.get(ctx); err != nil {
			return outbound.Reply{}, wire.Sure(err) // nothing was sent yet
		}
	}
	reply, err := c.sendAs(ctx, token, op, method, path, body, out)
	if c.app != nil && err != nil && fault.KindOf(err) == fault.Unauthorized {
		c.app.drop(token)
	}
	return reply, err
}

// address is a path's. Enterprise Server has GraphQL beside the REST API's
// version, and not below it.
func (c client) address(path string) string {
	if path == graphPath {
		return strings.TrimSuffix(c.cfg.api, "/v3") + path
	}
	return c.cfg.api + path
}

func (c client) sendAs(ctx context.Context, token, op, method, path string, body, out any) (outbound.Reply, error) {
	call, err := wire.JSONCall(op, method, c.address(path), body, out)
	if err != nil {
		return outbound.Reply{}, err
	}
	call.Header.Set("Authorization", "Bearer "+token)
	call.Header.Set("Accept", mediaType)
	call.Header.Set("X-GitHub-Api-Version", apiVersion)
	call.Refine = func(r outbound.Reply, verdict *fault.Error) *fault.Error { return c.refine(token, r, verdict) }
	return c.http.Send(ctx, call)
}
