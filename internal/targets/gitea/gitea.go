// Package gitea pushes to a repository's issues on Gitea and Forgejo (Codeberg
// among them) through their REST API (seen on Gitea 1.26.0).
//
// Our marker stands in a comment at the end of the issue's text, which is not
// shown, and every issue has a common label by which they are listed. Such a
// list reads the database, so it sees an issue at once; the search (q=) goes
// through an index that lags behind. Labels of an account without write access
// are dropped without a word, so a look-up that finds nothing goes on among
// the account's own issues.
//
// What must not live here: anything that holds for other trackers as well.
package gitea

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

const (
	name = "Gitea"
	// maxTitle is the length of the title's column.
	maxTitle = 255
	// maxLabelName is what Gitea's own form takes, in characters.
	maxLabelName = 50
	// maxBody is our own limit in characters: Gitea has none, but a list of
	// issues must stay readable.
	maxBody = 65536
)

// A look-up reads so many pages of the newest issues with our label, and so
// many of the account's own. A page has 50 unless the server gives fewer.
const (
	perPage         = 50
	maxLabelPages   = 20
	maxCreatorPages = 4
	// manyUsers is how many accounts of a repository are expected at once; Gitea
	// gives them without pages.
	manyUsers = 500
)

type driver struct {
	client
	// login is the account that makes the issues, once it was asked.
	login atomic.Pointer[string]
	plan  *planner
}

func newDriver(cfg config, http *outbound.Client) *driver {
	c := client{http: http, cfg: cfg}
	return &driver{client: c, plan: newPlanner(c)}
}

// Traits implements targets.Driver.
func (d *driver) Traits() targets.Traits {
	return targets.Traits{Name: name, Place: d.cfg.repository, Lookup: targets.LookupScan,
		Limits: targets.Limits{Title: maxTitle, Description: maxBody}, Titles: richtext.GiteaMarkdown()}
}

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.login.Store(nil)
	d.plan.forget()
	if _, err := d.account(ctx); err != nil {
		return err
	}
	const op = "check repository"
	repo, err := d.repository(ctx)
	switch {
	case err != nil:
		return err
	case repo.Archived:
		return d.archived(op)
	case !repo.keepsIssues():
		return d.noIssues(op, d.cfg.repository)
	}
	if _, err := d.plan.milestone(ctx); err != nil {
		return err
	}
	return d.rehearse(ctx)
}

// IsPublic implements targets.PublicPlace.
func (d *driver) IsPublic(ctx context.Context) (bool, error) {
	repo, err := d.repository(ctx)
	return err == nil && repo.Private != nil && !*repo.Private && !repo.Internal, err
}

// account gives the login under which issues are made. It proves the token.
func (d *driver) account(ctx context.Context) (string, error) {
	if login := d.login.Load(); login != nil {
		return *login, nil
	}
	const op = "read the account"
	var me user
	if err := d.get(ctx, op, "/user", &me); err != nil {
		return "", err
	}
	if me.Login == "" {
		return "", notGitea(op, errors.New("the answer names no account"))
	}
	d.login.Store(&me.Login)
	return me.Login, nil
}

func (d *driver) repository(ctx context.Context) (repository, error) {
	return d.readRepository(ctx, d.cfg.repository)
}

func (d *driver) readRepository(ctx context.Context, name string) (repository, error) {
	const op = "read repository"
	var repo repository
	err := d.get(ctx, op, "/repos/"+name, &repo)
	if err == nil && repo.FullName == "" {
		err = notGitea(op, errors.New("the answer names no repository"))
	}
	return repo, err
}

// rehearse sends a create that Gitea must refuse, for its title is empty.
// Whether the token may write shows in no other way.
func (d *driver) rehearse(ctx context.Context) error {
	const op = "rehearse a create"
	err := d.write(ctx, op, http.MethodPost, d.cfg.repo()+"/issues", newIssue{}, nil)
	if err == nil {
		return invalid(op, "Gitea created an issue without a title in %s, which it had to refuse. Ask the plugin's operator.", d.cfg.repository)
	}
	var refused *refusedError
	if errors.As(err, &refused) && refused.status == http.StatusUnprocessableEntity && strings.Contains(refused.message, "[Title]") {
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

// byLabel lists all issues where the label does not exist: Gitea leaves out a
// filter that it cannot read. Each marker is compared anyway.
func (d *driver) byLabel(ctx context.Context, marker targets.Marker) ([]issue, error) {
	return d.scan(ctx, "labels", d.cfg.markerLabel, maxLabelPages, marker)
}

// byCreator needs the account's name, which proves the token as well: a public
// repository's issues are listed to strangers too.
func (d *driver) byCreator(ctx context.Context, marker targets.Marker) ([]issue, error) {
	login, err := d.account(ctx)
	if err != nil {
		return nil, err
	}
	return d.scan(ctx, "created_by", login, maxCreatorPages, marker)
}

// scan reads the newest issues that a filter gives, closed ones included, and
// keeps those that carry the marker, oldest first.
func (d *driver) scan(ctx context.Context, filter, value string, pages int, marker targets.Marker) ([]issue, error) {
	const op = "list issues"
	q := url.Values{"state": {"all"}, "type": {"issues"}, "limit": {strconv.Itoa(perPage)}, filter: {value}}
	var found []issue
	for page := 1; page <= pages; page++ {
		q.Set("page", strconv.Itoa(page))
		var list []issue
		more, err := d.page(ctx, op, d.cfg.repo()+"/issues?"+q.Encode(), many(&list))
		if err != nil {
			return nil, err
		}
		if list == nil {
			return nil, notGitea(op, errors.New("the answer holds no list"))
		}
		for _, i := range list {
			if targets.MarkerIn(i.Body) == marker {
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
	milestone, err := d.plan.milestone(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	labels, refused, err := d.plan.labels(ctx, d.names(draft.Labels))
	if err != nil {
		return targets.Issue{}, err
	}
	draft = draft.WithoutLabels(name, refused...)
	body := newIssue{Title: draft.Title, Body: issueText(draft), Labels: labels, Milestone: milestone}
	if draft.Assignee != "" {
		body.Assignees = []string{draft.Assignee}
	}
	var made issue
	if err := d.write(ctx, op, http.MethodPost, d.cfg.repo()+"/issues", body, one(&made)); err != nil {
		return targets.Issue{}, d.stale(err)
	}
	if made.Number == 0 {
		return targets.Issue{}, wire.Unreadable(op, errors.New("no issue in the answer"))
	}
	// The issue is there, whatever becomes of the rest.
	_ = d.restoreLabels(ctx, made, labels, draft.Labels)
	_ = d.restoreMilestone(ctx, made, milestone)
	return portable(made), nil
}

// names are the labels' names, ours first.
func (d *driver) names(labels []string) []string {
	out := []string{d.cfg.markerLabel}
	for _, l := range labels {
		out = append(out, text.Title(l, maxLabelName))
	}
	return out
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

func markdown(doc richtext.Doc) string { return doc.Markdown(richtext.GiteaMarkdown()) }

// portable is an issue in everybody's words.
func portable(i issue) targets.Issue {
	number := strconv.Itoa(i.Number)
	out := targets.Issue{ID: number, Key: "#" + number, URL: i.HTMLURL, Title: i.Title, Status: "Open", Progress: targets.Open}
	if i.State == stateClosed {
		out.Status, out.Progress = "Closed", targets.Done
	}
	return out
}
