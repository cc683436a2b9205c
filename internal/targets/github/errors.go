package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// What GitHub's refusals mean.

const (
	// secondaryWait is what GitHub asks for after its secondary limit, where it
	// names no time.
	secondaryWait = time.Minute
	// maxReset bounds what is believed of x-ratelimit-reset: the limit is per hour.
	maxReset = time.Hour

	// serverError is the one message that GitHub sends without a link.
	serverError = "Server Error"

	adviceSettings = " Ask your admin to change that in GitHub or in the integration's settings."
	adviceWrite    = " Ask a GitHub admin to give it Issues: Read and write there."
)

// refine turns what GitHub says of a failure into a kind and a sentence. token
// is what the request was sent with: no text may hold it.
func (c client) refine(token string, r outbound.Reply, verdict *fault.Error) *fault.Error {
	if verdict == nil {
		return nil
	}
	apiErr := readRefusal(r, token)
	if e := wire.Foreign(name, r, apiErr.own); e != nil {
		return e
	}
	verdict.Ref = strings.ReplaceAll(r.Header.Get("X-GitHub-Request-Id"), token, "")
	if apiErr.message != "" {
		verdict.Err = apiErr
	}
	if after, limited := rateLimited(r, apiErr); limited {
		verdict.Kind, verdict.RetryAfter = fault.RateLimited, after
		return verdict
	}
	switch {
	case r.Status >= 300 && r.Status < 400:
		verdict.Err = &movedError{location: r.Header.Get("Location"), cause: verdict.Err}
		verdict.Public = fmt.Sprintf("GitHub says that %s is elsewhere: it was renamed or moved, or the address is not GitHub's. Ask your admin to correct settings.repository or settings.url.", c.cfg.repository)
	case r.Status == http.StatusUnauthorized && c.app != nil:
		verdict.Public = "GitHub refused the GitHub App. Ask your admin to check settings.appId, settings.installationId and credentials.privateKey, and the plugin's operator to check the machine's clock."
	case r.Status == http.StatusUnauthorized:
		verdict.Public = "GitHub refused the token: it is wrong, expired or revoked. Ask your admin to make a new one for credentials.token."
	case r.Status == http.StatusForbidden, r.Status == http.StatusUnavailableForLegalReasons:
		verdict.Public = c.forbidden(r, apiErr)
	case r.Status == http.StatusNotFound:
		verdict.Public = fmt.Sprintf("GitHub has no repository %s, or does not show it to the %s. Ask your admin to check settings.repository and which repositories the %s may use.", c.cfg.repository, c.who(), c.who())
	case r.Status == http.StatusGone:
		verdict.Public = c.noIssues("").Public
	case r.Status == http.StatusUnprocessableEntity && apiErr.message != "":
		verdict.Public = c.refusal(apiErr)
	}
	return verdict
}

func (c client) who() string {
	if c.app != nil {
		return "GitHub App"
	}
	return "token"
}

// forbidden returns the sentence for a 403. Advice about rights is given only where
// GitHub names no other reason. It names the permission that would do beside
// every refusal, whatever the reason is.
func (c client) forbidden(r outbound.Reply, apiErr *apiError) string {
	switch {
	case r.Header.Get("X-GitHub-SSO") != "":
		return advised(apiErr, ". Ask the token's owner to authorise it for single sign-on (GitHub > Settings > Developer settings > the token > Configure SSO).")
	case apiErr.message == "":
		return c.denied()
	case apiErr.lacksRight():
		needs := permissionNames(r.Header.Get("X-Accepted-GitHub-Permissions"))
		if needs != "" {
			needs = ", it needs the permission " + needs
		}
		return advised(apiErr, fmt.Sprintf(" (the %s in %s%s).%s", c.who(), c.cfg.repository, needs, adviceWrite))
	default:
		return advised(apiErr, fmt.Sprintf(" (%s). Ask a GitHub admin to resolve this.", c.cfg.repository))
	}
}

// denied returns the sentence for a missing right of which GitHub says nothing.
func (c client) denied() string {
	return fmt.Sprintf("GitHub does not allow this to the %s in %s.%s", c.who(), c.cfg.repository, adviceWrite)
}

func advised(apiErr *apiError, advice string) string {
	return text.WithAdvice(name, apiErr.message, advice)
}

// permissionNames reads "issues=write; contents=read" as it is, if it is that.
func permissionNames(s string) string {
	notAllowed := func(r rune) bool { return (r < 'a' || r > 'z') && !strings.ContainsRune("_=;, ", r) }
	if len(s) > 60 || strings.ContainsFunc(s, notAllowed) {
		return ""
	}
	return s
}

func (c client) noIssues(op string) *fault.Error {
	return wire.Invalid(op, "Issues are switched off in the GitHub repository %s. Ask a GitHub admin to switch them on (Settings > General > Features), or your admin to name another repository.", c.cfg.repository)
}

func (c client) refusal(apiErr *apiError) string {
	what := strings.Join(apiErr.sentences(), ", ")
	if what == "" {
		what = apiErr.message
	}
	return text.WithAdvice(name, what, " in "+c.cfg.repository+"."+adviceSettings)
}

// rateLimited reports whether a refusal is for now, and for how long. GitHub
// sends 403 as well as 429 for it, says in three ways how long, and refuses an
// issue that "was submitted too quickly" as if it were not valid.
func rateLimited(r outbound.Reply, apiErr *apiError) (time.Duration, bool) {
	if apiErr.tooQuick() && (r.Status == http.StatusForbidden || r.Status == http.StatusUnprocessableEntity) {
		return max(outbound.RetryAfter(r.Header, time.Now()), secondaryWait), true
	}
	if r.Status != http.StatusForbidden && r.Status != http.StatusTooManyRequests {
		return 0, false
	}
	now := time.Now()
	if at, err := http.ParseTime(r.Header.Get("Date")); err == nil {
		now = at // the reset is by GitHub's clock
	}
	switch {
	case r.Header.Get("Retry-After") != "":
		return outbound.RetryAfter(r.Header, now), true
	case r.Header.Get("X-RateLimit-Remaining") == "0":
		epoch, err := strconv.ParseInt(r.Header.Get("X-RateLimit-Reset"), 10, 64)
		if err != nil {
			return secondaryWait, true
		}
		return min(max(time.Unix(epoch, 0).Sub(now), time.Second), maxReset), true
	case apiErr.secondary():
		return secondaryWait, true
	default:
		return 0, r.Status == http.StatusTooManyRequests
	}
}

// apiError holds what GitHub says of a refusal.
type apiError struct {
	status int
	// own reports whether it has the form of GitHub's errors.
	own       bool
	message   string
	documents string
	details   []detail
}

// detail is an entry of a refusal's errors.
type detail struct {
	Resource string `json:"resource"`
	Field    string `json:"field"`
	Code     string `json:"code"`
	Message  string `json:"message"`
}

func (e *apiError) Error() string {
	return fmt.Sprintf("HTTP status %d: %s", e.status, strings.Join(append([]string{e.message}, e.sentences()...), "; "))
}

// readRefusal reads a refusal's body leniently: errors may hold objects or
// sentences, or be one sentence. token is left out of all of it.
func readRefusal(r outbound.Reply, token string) *apiError {
	var body struct {
		Message   string          `json:"message"`
		Errors    json.RawMessage `json:"errors"`
		Documents string          `json:"documentation_url"`
		// Block stands beside the message for a repository that GitHub blocked.
		Block *struct{} `json:"block"`
	}
	raw := r.Body
	if token != "" {
		raw = []byte(strings.ReplaceAll(string(raw), token, "[secret]"))
	}
	_ = json.Unmarshal(raw, &body) // a web page says nothing that helps
	apiErr := &apiError{status: r.Status, message: text.Title(body.Message, 200), documents: body.Documents}
	if body.Message == "" {
		apiErr.message = ""
	}
	apiErr.own = body.Message != "" && (body.Documents != "" || body.Block != nil || body.Message == serverError)
	var entries []json.RawMessage
	if json.Unmarshal(body.Errors, &entries) != nil && len(body.Errors) > 0 {
		entries = []json.RawMessage{body.Errors}
	}
	const most = 5
	for _, raw := range entries[:min(len(entries), most)] {
		var d detail
		if json.Unmarshal(raw, &d) != nil {
			_ = json.Unmarshal(raw, &d.Message)
		}
		apiErr.details = append(apiErr.details, d)
	}
	return apiErr
}

// names reports whether a field is among what was refused.
func (e *apiError) names(field string) bool {
	return slices.ContainsFunc(e.details, func(d detail) bool { return d.Field == field })
}

// about reports whether a kind of thing is among what was refused.
func (e *apiError) about(resource string) bool {
	return slices.ContainsFunc(e.details, func(d detail) bool { return d.Resource == resource })
}

// tooQuick reports whether GitHub refused content for coming too fast.
func (e *apiError) tooQuick() bool {
	const words = "submitted too quickly"
	return strings.Contains(e.message, words) || slices.ContainsFunc(e.details, func(d detail) bool { return strings.Contains(d.Message, words) })
}

// lacksRight reports whether the reason is a right that the account or its
// token lacks.
func (e *apiError) lacksRight() bool {
	return strings.HasPrefix(e.message, "Resource not accessible by") || strings.HasPrefix(e.message, "Must have") || strings.Contains(e.message, "permission")
}

func (e *apiError) secondary() bool {
	return strings.Contains(e.documents, "rate-limit") || strings.Contains(strings.ToLower(e.message), "secondary rate limit")
}

func (e *apiError) sentences() []string {
	var out []string
	for _, d := range e.details {
		field := "field '" + text.Title(d.Field, 40) + "'"
		switch {
		case d.Message != "":
			out = append(out, text.Title(d.Message, 150))
		case d.Field == "":
			continue
		case d.Code == "missing_field":
			out = append(out, field+" is required")
		case d.Code == "missing":
			out = append(out, field+" names something that does not exist")
		case d.Code == "already_exists":
			out = append(out, field+" has a value that is there already")
		default:
			out = append(out, field+" is not valid")
		}
	}
	return out
}

// explain looks closer at an issue that GitHub does not return at a path.
func (d *driver) explain(ctx context.Context, op, id, path string, err error) error {
	var apiErr *apiError
	own := errors.As(err, &apiErr) && apiErr.own
	place := path[:strings.LastIndex(path, "/issues/")]
	found := wire.Absence{Op: op, Tracker: name, Issue: issueName(id), Account: "the " + d.who(), Own: own,
		CheckPlace: func(ctx context.Context) error { return d.checkReadable(ctx, place) }}.Explain(ctx, err)
	switch {
	case fault.KindOf(found) != fault.Gone:
		return found
	case apiErr.status != http.StatusGone:
		return &fault.Error{Op: op, Kind: fault.NotFound, Err: err,
			Public: fmt.Sprintf("GitHub does not show %s to the %s: it was transferred out of its reach, or never existed. Ask a GitHub admin for access to where it is, or unlink and push again for a new one.", issueName(id), d.who())}
	case strings.Contains(apiErr.message, "disabled"): // they were switched on a moment ago
		return &fault.Error{Op: op, Kind: fault.Forbidden, Err: err, Public: d.noIssues(op).Public}
	default:
		return found
	}
}

// checkReadable asks whether the account may read the issues of a repository.
func (d *driver) checkReadable(ctx context.Context, place string) error {
	var repo repository
	if err := d.get(ctx, "read repository", place, &repo); err != nil {
		return err
	}
	if repo.FullName == "" {
		return notGitHub("read repository", errors.New("the answer names no repository"))
	}
	if !repo.HasIssues {
		return d.noIssues("read repository")
	}
	const op = "list issues"
	var list []issue
	err := d.get(ctx, op, place+"/issues?state=all&sort=created&direction=desc&per_page=1&page=1", many(&list))
	if err == nil && list == nil {
		err = notGitHub(op, errors.New("the answer holds no list"))
	}
	return err
}

// notGitHub returns the error for an answer that GitHub does not send.
func notGitHub(op string, err error) *fault.Error {
	return wire.Stranger(op, name, "settings.url", err)
}
