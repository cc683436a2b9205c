package gitea

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/text"
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

// one is the answer with an issue, whose text may be the longest.
func one(i *issue) wire.Answer {
	return wire.Answer{Into: i, Bound: outbound.One().WithTexts(1, maxBody)}
}

// many is the answer with a page of issues, a third of which may have the
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

// page is get, and tells whether another page follows.
func (c client) page(ctx context.Context, op, path string, out any) (more bool, err error) {
	reply, err := c.send(ctx, op, http.MethodGet, path, nil, out)
	return strings.Contains(reply.Header.Get("Link"), `rel="next"`), wire.ReadJSON(op, err, notGitea)
}

// notGitea is a read that brought something else than what Gitea sends.
func notGitea(op string, err error) *fault.Error {
	return wire.Stranger(op, name, "settings.url", err)
}

// write sends a body; out may be nil. A reply that cannot be read is Unsure.
func (c client) write(ctx context.Context, op, method, path string, body, out any) error {
	reply, err := c.send(ctx, op, method, path, body, out)
	return wire.WroteJSON(op, reply, err, out)
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
	said, own := readRefusal(r)
	if e := wire.Foreign(name, r, own); e != nil {
		return e
	}
	verdict.Ref = r.Header.Get("X-Request-Id")
	if own {
		verdict.Err = said
	}
	switch {
	case r.Status >= 300 && r.Status < 400:
		verdict.Err = &movedError{location: r.Header.Get("Location"), cause: verdict.Err}
		verdict.Public = fmt.Sprintf("Gitea says that %s is elsewhere: it was renamed or moved, or a login page stands in front. Ask your admin to correct settings.repository or settings.url.", c.cfg.repository)
	case r.Status == http.StatusUnauthorized:
		verdict.Public = "Gitea refused the token. Ask your admin to make a new one (Settings > Applications) for credentials.token."
	case r.Status == http.StatusForbidden:
		verdict.Public = c.forbidden(c.cfg.repository, said.message)
	case r.Status == http.StatusNotFound:
		verdict.Public = fmt.Sprintf("Gitea has no repository %s, keeps no issues there, or does not show it to the token's account. Ask your admin to check settings.repository and the account's access.", c.cfg.repository)
	case r.Status == http.StatusPreconditionFailed:
		verdict.Public = fmt.Sprintf("Gitea does not do that now in %s%s.", c.cfg.repository, because(said.message, 120))
	case r.Status == http.StatusLocked:
		verdict.Public = c.archived("").Public
	case r.Status == http.StatusUnprocessableEntity && said.message != "":
		verdict.Public = text.Advised(name, said.message, " in "+c.cfg.repository+"."+adviceSettings)
	}
	return verdict
}

// forbidden is the sentence for a 403. Advice about rights is given only where
// Gitea names no other reason.
func (c client) forbidden(repository, said string) string {
	const advice = "Ask your admin for a token with issue: read and write, repository and user: read"
	switch {
	case said == "":
		return fmt.Sprintf("Gitea does not allow this to the token in %s. %s, of an account that may write there.", repository, advice)
	case strings.Contains(said, "scope"):
		return text.Advised(name, said, ". "+advice+".")
	case strings.Contains(said, "permission"), strings.Contains(said, "user should"):
		return text.Advised(name, said, fmt.Sprintf(" (%s). Ask a Gitea admin to let the token's account write there.", repository))
	default:
		return text.Advised(name, said, fmt.Sprintf(" (%s). Ask a Gitea admin to resolve this.", repository))
	}
}

func because(said string, limit int) string {
	if said == "" {
		return ""
	}
	return ": " + strings.TrimRight(text.Title(said, limit), ". ")
}

// readRefusal reads what Gitea says of a refusal. own reports whether it has
// the form of Gitea's errors, each of which names the API's description.
func readRefusal(r outbound.Reply) (said *refusedError, own bool) {
	var body struct {
		Message *string `json:"message"`
		URL     string  `json:"url"`
	}
	said = &refusedError{status: r.Status}
	if json.Unmarshal(r.Body, &body) != nil || body.Message == nil {
		return said, false
	}
	if *body.Message != "" { // it is empty where only administrators are told
		said.message = text.Title(*body.Message, 200)
	}
	return said, strings.HasSuffix(body.URL, "/api/swagger")
}

func (c client) archived(op string) *fault.Error {
	return invalid(op, "The Gitea repository %s is archived. Ask a Gitea admin to unarchive it, or your admin to name another in settings.repository.", c.cfg.repository)
}

func (c client) noIssues(op, repository string) *fault.Error {
	return invalid(op, "The Gitea repository %s has no issues of its own. Ask a Gitea admin to switch on the built-in issue tracker (Settings > Units), or your admin to name another repository.", repository)
}

func invalid(op, format string, args ...any) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Public: fmt.Sprintf(format, args...)}
}
