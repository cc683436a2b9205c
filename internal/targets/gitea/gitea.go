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

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
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
	return targets.Traits{Name: name, Place: d.cfg.repository, Scan: true, Limits: targets.Limits{Title: maxTitle, Description: maxBody}}
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
	case !repo.HasIssues || repo.External != nil:
		return invalid(op, "The Gitea repository %s has no issues of its own. Ask a Gitea admin to switch on the built-in issue tracker (Settings > Units), or your admin to name another repository.", d.cfg.repository)
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
	const op = "read repository"
	var repo repository
	err := d.get(ctx, op, d.cfg.repo(), &repo)
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
		more, err := d.page(ctx, op, d.cfg.repo()+"/issues?"+q.Encode(), &list)
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
	labels, err := d.plan.labels(ctx, d.names(draft.Labels))
	if err != nil {
		return targets.Issue{}, err
	}
	body := newIssue{Title: draft.Title, Body: text(draft), Labels: labels, Milestone: milestone}
	if draft.Assignee != "" {
		body.Assignees = []string{draft.Assignee}
	}
	var made issue
	if err := d.write(ctx, op, http.MethodPost, d.cfg.repo()+"/issues", body, &made); err != nil {
		d.plan.forget() // a label or the milestone may be gone
		return targets.Issue{}, err
	}
	if made.Number == 0 {
		return targets.Issue{}, targets.Unreadable(op, errors.New("no issue in the answer"))
	}
	return portable(made), nil
}

// names are the labels' names, ours first.
func (d *driver) names(labels []string) []string {
	out := []string{d.cfg.markerLabel}
	for _, l := range labels {
		out = append(out, targets.Title(l, maxLabelName))
	}
	return out
}

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return text(draft), targets.FormatMarkdown
}

// text is an issue's text with the marker at its end.
func text(draft targets.Draft) string {
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

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	const op = "read issue"
	if !isNumber(id) {
		return targets.Issue{}, missing(id)
	}
	var i issue
	if err := d.get(ctx, op, d.issuePath(id), &i); err != nil {
		return targets.Issue{}, d.gone(ctx, id, err)
	}
	if i.Number == 0 {
		return targets.Issue{}, notGitea(op, errors.New("no issue in the answer"))
	}
	return portable(i), nil
}

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	return d.Read(ctx, ref.Number(d.cfg.repository)+ref.After("issues"))
}

// Update implements targets.Updater. Labels are added and none is taken off:
// an issue's labels are its readers' as well.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	const op = "update issue"
	labels, err := d.plan.labels(ctx, d.names(draft.Labels))
	if err != nil {
		return targets.Issue{}, err
	}
	var i issue
	if err := d.change(ctx, op, http.MethodPatch, id, "", changeIssue{Title: draft.Title, Body: text(draft)}, &i); err != nil {
		return targets.Issue{}, err
	}
	if i.Number == 0 {
		return targets.Issue{}, targets.Unreadable(op, errors.New("no issue in the answer"))
	}
	if len(labels) > 0 {
		err = d.change(ctx, op, http.MethodPost, id, "/labels", addLabels{Labels: labels}, nil)
	}
	return portable(i), err
}

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	return d.change(ctx, "comment on issue", http.MethodPost, id, "/comments", newComment{Body: markdown(targets.PlainText(remark))}, nil)
}

// Close implements targets.Closer.
func (d *driver) Close(ctx context.Context, id string) error {
	return d.change(ctx, "close issue", http.MethodPatch, id, "", changeIssue{State: stateClosed}, nil)
}

func (d *driver) change(ctx context.Context, op, method, id, part string, body, out any) error {
	if !isNumber(id) {
		return missing(id)
	}
	if err := d.write(ctx, op, method, d.issuePath(id)+part, body, out); err != nil {
		return d.gone(ctx, id, err)
	}
	return nil
}

func (d *driver) issuePath(id string) string { return d.cfg.repo() + "/issues/" + id }

// gone looks closer at an issue that Gitea does not give. It is missing only
// where its repository is still there: a repository that was renamed, or that
// the token may not see any more, must not look like a deleted issue.
func (d *driver) gone(ctx context.Context, id string, err error) error {
	if fault.KindOf(err) != fault.NotFound {
		return err
	}
	if _, why := d.repository(ctx); why != nil {
		e := *fault.From(why)
		if e.Kind == fault.NotFound {
			e.Kind = fault.Forbidden
		}
		return &e
	}
	e := missing(id)
	e.Err = err
	return e
}

func missing(id string) *fault.Error {
	return targets.Missing("read issue", name, "issue #"+targets.Title(id, 20), "the token")
}

// isNumber tells whether an id is one that an issue can have.
func isNumber(id string) bool {
	n, err := strconv.Atoi(id)
	return err == nil && n > 0 && strconv.Itoa(n) == id
}

// FindPerson implements targets.People: among those whom the repository's
// issues can be given to, by settings.people or by the address that Gitea
// shows. It shows none of people who hide theirs.
func (d *driver) FindPerson(ctx context.Context, email string) (string, error) {
	login := d.cfg.people[strings.ToLower(strings.TrimSpace(email))]
	var all []user
	if err := d.get(ctx, "list assignees", d.cfg.repo()+"/assignees", &all); err != nil {
		return "", err
	}
	for _, u := range all {
		if strings.EqualFold(u.Login, login) || login == "" && strings.EqualFold(u.Email, email) {
			return u.Login, nil
		}
	}
	return "", nil
}
