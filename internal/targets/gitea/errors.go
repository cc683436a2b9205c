package gitea

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// apiError holds what Gitea says of a refusal: one text.
type apiError struct {
	status  int
	message string
}

func (e *apiError) Error() string { return fmt.Sprintf("HTTP status %d: %s", e.status, e.message) }

// refine turns what Gitea says of a failure into a sentence.
func (c client) refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	if verdict == nil {
		return nil
	}
	apiErr, own := readRefusal(r)
	if e := wire.Foreign(name, r, own); e != nil {
		return e
	}
	verdict.Ref = r.Header.Get("X-Request-Id")
	if own {
		verdict.Err = apiErr
	}
	switch {
	case r.Status >= 300 && r.Status < 400:
		verdict.Err = &movedError{location: r.Header.Get("Location"), cause: verdict.Err}
		verdict.Public = fmt.Sprintf("Gitea says that %s is elsewhere: it was renamed or moved, or a login page stands in front. Ask your admin to correct settings.repository or settings.url.", c.cfg.repository)
	case r.Status == http.StatusUnauthorized:
		verdict.Public = "Gitea refused the token. Ask your admin to make a new one (Settings > Applications) for credentials.token."
	case r.Status == http.StatusForbidden:
		verdict.Public = c.forbidden(c.cfg.repository, apiErr.message)
	case r.Status == http.StatusNotFound:
		verdict.Public = fmt.Sprintf("Gitea has no repository %s, keeps no issues there, or does not show it to the token's account. Ask your admin to check settings.repository and the account's access.", c.cfg.repository)
	case r.Status == http.StatusPreconditionFailed:
		verdict.Public = fmt.Sprintf("Gitea does not do that now in %s%s.", c.cfg.repository, because(apiErr.message, 120))
	case r.Status == http.StatusLocked:
		verdict.Public = c.archived("").Public
	case r.Status == http.StatusUnprocessableEntity && apiErr.message != "":
		verdict.Public = text.WithAdvice(name, apiErr.message, " in "+c.cfg.repository+"."+adviceSettings)
	}
	return verdict
}

// forbidden returns the sentence for a 403. Advice about rights is given only where
// Gitea names no other reason.
func (c client) forbidden(repository, message string) string {
	const advice = "Ask your admin for a token with issue: read and write, repository and user: read"
	switch {
	case message == "":
		return fmt.Sprintf("Gitea does not allow this to the token in %s. %s, of an account that may write there.", repository, advice)
	case strings.Contains(message, "scope"):
		return text.WithAdvice(name, message, ". "+advice+".")
	case strings.Contains(message, "permission"), strings.Contains(message, "user should"):
		return text.WithAdvice(name, message, fmt.Sprintf(" (%s). Ask a Gitea admin to let the token's account write there.", repository))
	default:
		return text.WithAdvice(name, message, fmt.Sprintf(" (%s). Ask a Gitea admin to resolve this.", repository))
	}
}

func because(message string, limit int) string {
	if message == "" {
		return ""
	}
	return ": " + strings.TrimRight(text.Title(message, limit), ". ")
}

// readRefusal reads what Gitea says of a refusal. own reports whether it has
// the form of Gitea's errors, each of which names the API's description.
func readRefusal(r outbound.Reply) (apiErr *apiError, own bool) {
	var body struct {
		Message *string `json:"message"`
		URL     string  `json:"url"`
	}
	apiErr = &apiError{status: r.Status}
	if json.Unmarshal(r.Body, &body) != nil || body.Message == nil {
		return apiErr, false
	}
	if *body.Message != "" { // it is empty where only administrators are told
		apiErr.message = text.Title(*body.Message, 200)
	}
	return apiErr, strings.HasSuffix(body.URL, "/api/swagger")
}

// explain looks closer at an issue that Gitea does not return.
func (d *driver) explain(ctx context.Context, op, id, repository string, err error) error {
	var apiErr *apiError
	return wire.Absence{Op: op, Tracker: name, Issue: issueName(id), Account: "the token's account", Own: errors.As(err, &apiErr),
		CheckPlace: func(ctx context.Context) error { return d.checkReadable(ctx, repository) }}.Explain(ctx, err)
}

// checkReadable asks whether the account may read a repository's issues. Gitea says
// 404 to an account whose team lacks the issues, and of a repository whose
// issues are switched off.
func (d *driver) checkReadable(ctx context.Context, repository string) error {
	if err := d.get(ctx, "read the account", "/user", &user{}); err != nil {
		return err
	}
	repo, err := d.readRepository(ctx, repository)
	if err != nil {
		return err
	}
	if !repo.keepsIssues() {
		return d.noIssues("read repository", repository)
	}
	var list []issue
	err = d.get(ctx, "list issues", "/repos/"+repository+"/issues?state=all&type=issues&limit=1", many(&list))
	if err == nil && list == nil {
		err = notGitea("list issues", errors.New("the answer holds no list"))
	}
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return wire.Hidden("list issues", name, "the issues of "+repository, "the token's account", err)
	}
	return err
}

// absent reports whether a refused change may be due to an issue that is not
// there. Gitea answers 500 to a remark on one.
func absent(err error) bool {
	if err == nil {
		return false
	}
	var apiErr *apiError
	broken := errors.As(err, &apiErr) && apiErr.status == http.StatusInternalServerError
	return broken || fault.KindOf(err) == fault.NotFound || errors.As(err, new(*movedError))
}

func (c client) archived(op string) *fault.Error {
	return wire.Invalid(op, "The Gitea repository %s is archived. Ask a Gitea admin to unarchive it, or your admin to name another in settings.repository.", c.cfg.repository)
}

func (c client) noIssues(op, repository string) *fault.Error {
	return wire.Invalid(op, "The Gitea repository %s has no issues of its own. Ask a Gitea admin to switch on the built-in issue tracker (Settings > Units), or your admin to name another repository.", repository)
}

// notGitea returns the error for an answer that Gitea does not send.
func notGitea(op string, err error) *fault.Error {
	return wire.Stranger(op, name, "settings.url", err)
}
