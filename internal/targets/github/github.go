// Package github pushes to a repository's issues on GitHub and on GitHub
// Enterprise Server, through their REST API (version 2022-11-28).
//
// Our marker stands in a comment at the end of the issue's text, which GitHub
// does not show, and every issue has a common label by which they are listed.
// GitHub drops labels without a word where the account may not push, and
// people take them off, so a look-up that finds nothing goes on among the
// account's own issues. The list is read, never the search, whose index lags
// behind by an unknown time.
//
// What must not live here: anything that holds for other trackers as well.
package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

const (
	name = "GitHub"
	// maxTitle, maxBody and maxLabel are GitHub's limits in characters.
	maxTitle = 256
	maxBody  = 65536
	maxLabel = 50
	// consistency allows for a list that is read from a replica. GitHub
	// promises nothing of it.
	consistency = 10 * time.Second
)

// A look-up reads so many pages of the newest issues with our label, and so
// many of the account's own.
const (
	perPage         = 50
	maxLabelPages   = 20
	maxCreatorPages = 4
)

type driver struct {
	client
	// login is the account that makes the issues, once it was asked.
	login     atomic.Pointer[string]
	milestone targets.Memo[int]
	// existing are the labels that the repository has, once GitHub has refused
	// to make others. Nil allows all.
	existing targets.Memo[[]string]
}

func newDriver(cfg config, http *outbound.Client) *driver {
	c := client{http: http, cfg: cfg}
	if cfg.key != nil {
		c.app = newAppTokens(cfg, http)
	}
	return &driver{client: c}
}

// Traits implements targets.Driver.
func (d *driver) Traits() targets.Traits {
	return targets.Traits{Name: name, Place: d.cfg.repository, Lookup: targets.LookupScan, Consistency: consistency,
		Limits: targets.Limits{Title: maxTitle, Description: maxBody}}
}

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.login.Store(nil)
	d.milestone.Forget()
	d.existing.Forget()
	if _, err := d.account(ctx); err != nil {
		return err
	}
	repo, err := d.repository(ctx)
	if err != nil {
		return err
	}
	const op = "check repository"
	switch {
	case repo.Archived:
		return invalid(op, "The GitHub repository %s is archived. Ask a GitHub admin to unarchive it, or your admin to name another in settings.repository.", d.cfg.repository)
	case !repo.HasIssues:
		return d.noIssues(op)
	case d.cfg.labelled() && repo.Permissions != nil && !repo.Permissions.Push:
		return &fault.Error{Op: op, Kind: fault.Forbidden, Public: fmt.Sprintf("GitHub ignores milestone and type from an account without write access to %s. Ask a GitHub admin to give it the role Write, or your admin to leave them out.", d.cfg.repository)}
	}
	if _, err := d.milestoneNumber(ctx); err != nil {
		return err
	}
	if err := d.checkType(ctx, repo); err != nil {
		return err
	}
	return d.rehearse(ctx)
}

// IsPublic implements targets.PublicPlace.
func (d *driver) IsPublic(ctx context.Context) (bool, error) {
	repo, err := d.repository(ctx)
	return err == nil && repo.Private != nil && !*repo.Private, err
}

// account gives the login under which issues are made. It proves the
// credentials.
func (d *driver) account(ctx context.Context) (string, error) {
	if login := d.login.Load(); login != nil {
		return *login, nil
	}
	const op = "read the account"
	login := ""
	if d.app != nil {
		about, err := d.app.about(ctx)
		if err != nil {
			return "", err
		}
		if login = about.Slug; login != "" {
			login += "[bot]" // as which an App acts
		}
	} else {
		var me user
		if err := d.get(ctx, op, "/user", &me); err != nil {
			return "", err
		}
		login = me.Login
	}
	if login == "" {
		return "", notGitHub(op, errors.New("the answer names no account"))
	}
	d.login.Store(&login)
	return login, nil
}

func (d *driver) repository(ctx context.Context) (repository, error) {
	const op = "read repository"
	var repo repository
	err := d.get(ctx, op, d.cfg.repo(), &repo)
	if err == nil && repo.FullName == "" {
		err = notGitHub(op, errors.New("the answer names no repository"))
	}
	return repo, err
}

// rehearse sends a create that GitHub must refuse, for its title is empty.
// Whether the token may write shows in no other way.
func (d *driver) rehearse(ctx context.Context) error {
	const op = "rehearse a create"
	err := d.write(ctx, op, http.MethodPost, d.cfg.repo()+"/issues", newIssue{}, nil)
	if err == nil {
		return invalid(op, "GitHub created an issue without a title in %s, which it had to refuse. Ask the plugin's operator.", d.cfg.repository)
	}
	var refused *refusedError
	if errors.As(err, &refused) && refused.status == http.StatusUnprocessableEntity && refused.names("title") {
		return nil
	}
	return err
}

// Find implements targets.Driver.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	found, err := d.byLabel(ctx, marker)
	if err == nil && len(found) == 0 {
		found, err = d.byCreator(ctx, marker)
	}
	if err != nil || len(found) == 0 {
		return nil, err
	}
	first := portable(found[0])
	return &first, nil
}

// FindAll implements targets.Duplicates.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	found, err := d.byLabel(ctx, marker)
	if err != nil {
		return nil, err
	}
	own, err := d.byCreator(ctx, marker)
	if err != nil {
		return nil, err
	}
	var out []targets.Issue
	for _, i := range oldestFirst(append(found, own...)) {
		out = append(out, portable(i))
	}
	return out, nil
}

func (d *driver) byLabel(ctx context.Context, marker targets.Marker) ([]issue, error) {
	return d.scan(ctx, "labels", d.cfg.markerLabel, maxLabelPages, marker)
}

func (d *driver) byCreator(ctx context.Context, marker targets.Marker) ([]issue, error) {
	login, err := d.account(ctx)
	if err != nil {
		return nil, err
	}
	return d.scan(ctx, "creator", login, maxCreatorPages, marker)
}

// scan reads the newest issues that a filter gives, closed ones included, and
// keeps those that carry the marker, oldest first.
func (d *driver) scan(ctx context.Context, filter, value string, pages int, marker targets.Marker) ([]issue, error) {
	const op = "list issues"
	q := url.Values{"state": {"all"}, "sort": {"created"}, "direction": {"desc"}, "per_page": {strconv.Itoa(perPage)}, filter: {value}}
	var found []issue
	for page := 1; page <= pages; page++ {
		q.Set("page", strconv.Itoa(page))
		var list []issue
		more, err := d.page(ctx, op, d.cfg.repo()+"/issues?"+q.Encode(), many(&list))
		if err != nil {
			return nil, err
		}
		if list == nil {
			return nil, notGitHub(op, errors.New("the answer holds no list"))
		}
		for _, i := range list {
			if i.PullRequest == nil && targets.MarkerIn(i.Body) == marker {
				found = append(found, i)
			}
		}
		if !more {
			break
		}
	}
	return oldestFirst(found), nil
}

// oldestFirst sorts issues and drops those that are there twice: pages shift
// while others create issues.
func oldestFirst(issues []issue) []issue {
	slices.SortFunc(issues, func(a, b issue) int { return a.Number - b.Number })
	return slices.CompactFunc(issues, func(a, b issue) bool { return a.Number == b.Number })
}

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	const op = "create issue"
	milestone, err := d.milestoneNumber(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	draft, labels := d.labelled(ctx, draft)
	body := newIssue{Title: draft.Title, Body: issueText(draft), Labels: labels, Type: d.cfg.typ, Milestone: milestone}
	if draft.Assignee != "" {
		body.Assignees = []string{draft.Assignee}
	}
	var made issue
	if err := d.write(ctx, op, http.MethodPost, d.cfg.repo()+"/issues", body, one(&made)); err != nil {
		if d.outdated(ctx, draft, err) {
			err = targets.Stale(err)
		}
		return targets.Issue{}, err
	}
	if made.Number == 0 {
		return targets.Issue{}, wire.Unreadable(op, errors.New("no issue in the answer"))
	}
	return portable(made), nil
}

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return issueText(draft), text.FormatMarkdown
}

// issueText is an issue's text with the marker at its end.
func issueText(draft targets.Draft) string {
	marker := "\n\n" + draft.Marker.Comment()
	return draft.Render(maxBody-len(marker), utf8.RuneCountInString, markdown) + marker
}

func markdown(doc richtext.Doc) string { return doc.Markdown(richtext.GitHubMarkdown()) }

// portable is an issue in everybody's words.
func portable(i issue) targets.Issue {
	number := strconv.Itoa(i.Number)
	out := targets.Issue{ID: number, Key: "#" + number, URL: i.HTMLURL, Title: i.Title, Status: "Open", Progress: targets.Open}
	if i.State == stateClosed {
		out.Progress, out.Status = targets.Done, "Closed"
		switch i.StateReason {
		case reasonNotPlanned:
			out.Status, out.Color = "Not planned", "gray"
		case reasonDuplicate:
			out.Status, out.Color = "Duplicate", "gray"
		}
	}
	return out
}
