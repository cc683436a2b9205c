package gitea

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
)

// What Gitea's REST API sends and takes, as far as it is used here, from its
// Swagger description. None of it leaves this folder.

const (
	stateClosed = "closed"
	// maxList bounds the reply to a list: a page of our longest issues, in
	// characters of four bytes, and what Gitea says of each beside it.
	maxList = perPage * (4*maxBody + 32<<10)

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

type issue struct {
	Number  int    `json:"number"`
	HTMLURL string `json:"html_url"`
	Title   string `json:"title"`
	Body    string `json:"body"`
	State   string `json:"state"`
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

// page is get, and tells whether another page follows.
func (c client) page(ctx context.Context, op, path string, out any) (more bool, err error) {
	reply, err := c.send(ctx, op, http.MethodGet, path, nil)
	return strings.Contains(reply.Header.Get("Link"), `rel="next"`), targets.ReadJSON(op, reply, err, out, notGitea)
}

// notGitea is a read that brought something else than what Gitea sends.
func notGitea(op string, err error) *fault.Error {
	return targets.Stranger(op, name, "settings.url", err)
}

// write sends a body; out may be nil. A reply that cannot be read is Unsure.
func (c client) write(ctx context.Context, op, method, path string, body, out any) error {
	reply, err := c.send(ctx, op, method, path, body)
	return targets.WroteJSON(op, reply, err, out)
}

func (c client) send(ctx context.Context, op, method, path string, body any) (outbound.Reply, error) {
	call, err := targets.JSONCall(op, method, c.cfg.url+apiPath+path, body)
	if err != nil {
		return outbound.Reply{}, err
	}
	call.Header.Set("Authorization", "token "+c.cfg.token.Reveal())
	call.MaxBody, call.Refine = maxList, c.refine
	return c.http.Send(ctx, call)
}

// refusedError is what Gitea says of a refusal: one text.
type refusedError struct {
	status  int
	message string
}

func (e *refusedError) Error() string { return fmt.Sprintf("HTTP status %d: %s", e.status, e.message) }

// refine turns what Gitea says of a failure into a sentence.
func (c client) refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	if verdict == nil {
		return nil
	}
	verdict.Ref = r.Header.Get("X-Request-Id")
	said := message(r.Body)
	if said != "" {
		verdict.Err = &refusedError{status: r.Status, message: said}
	}
	switch {
	case r.Status >= 300 && r.Status < 400:
		verdict.Public = fmt.Sprintf("Gitea says that %s is elsewhere: it was renamed or moved, or a login page stands in front. Ask your admin to correct settings.repository or settings.url.", c.cfg.repository)
	case r.Status == http.StatusUnauthorized:
		verdict.Public = "Gitea refused the token. Ask your admin to make a new one (Settings > Applications) for credentials.token."
	case r.Status == http.StatusForbidden:
		verdict.Public = fmt.Sprintf("Gitea does not allow this to the token in %s%s. Ask your admin for a token with issue: read and write, repository and user: read, of an account that may write there.", c.cfg.repository, because(said, 70))
	case r.Status == http.StatusNotFound:
		verdict.Public = fmt.Sprintf("Gitea has no repository %s, keeps no issues there, or does not show it to the token's account. Ask your admin to check settings.repository and the account's access.", c.cfg.repository)
	case r.Status == http.StatusPreconditionFailed:
		verdict.Public = fmt.Sprintf("Gitea does not do that now in %s%s.", c.cfg.repository, because(said, 120))
	case r.Status == http.StatusLocked:
		verdict.Public = c.archived("").Public
	case r.Status == http.StatusUnprocessableEntity && said != "":
		verdict.Public = targets.Advised(name, said, " in "+c.cfg.repository+"."+adviceSettings)
	}
	return verdict
}

func because(said string, limit int) string {
	if said == "" {
		return ""
	}
	return ": " + strings.TrimRight(targets.Title(said, limit), ". ")
}

// message reads a refusal's text; a web page says nothing that helps.
func message(body []byte) string {
	var r struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &r) != nil || r.Message == "" {
		return ""
	}
	return targets.Title(r.Message, 200)
}

func (c client) archived(op string) *fault.Error {
	return invalid(op, "The Gitea repository %s is archived. Ask a Gitea admin to unarchive it, or your admin to name another in settings.repository.", c.cfg.repository)
}

func invalid(op, format string, args ...any) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Public: fmt.Sprintf(format, args...)}
}
