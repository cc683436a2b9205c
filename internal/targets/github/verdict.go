package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// What became of an issue that GitHub does not return at its number. GitHub
// says 301 for a transferred issue and for every issue of a renamed repository,
// 410 for a deleted one and where issues are switched off, and 404 for one that
// was transferred out of the account's reach.

// maxMoves bounds how often an issue is followed.
const maxMoves = 3

// movedError is the cause of a redirect.
type movedError struct {
	location string
	cause    error
}

func (e *movedError) Error() string { return e.cause.Error() }
func (e *movedError) Unwrap() error { return e.cause }

// issue returns the path of the issue that a redirect leads to; "" if it leads
// anywhere else. Only the numbers in it are used, and the request for them goes
// to the API of the settings.
func (e *movedError) issue(api string) string {
	to, err := url.Parse(e.location)
	if err != nil {
		return ""
	}
	own, err := url.Parse(api)
	if err != nil || to.Host != "" && !strings.EqualFold(to.Host, own.Host) {
		return ""
	}
	rest, ok := strings.CutPrefix(to.Path, own.Path+"/repositories/")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 || !isNumber(parts[0]) || parts[1] != "issues" || !isNumber(parts[2]) {
		return ""
	}
	return "/repositories/" + parts[0] + "/issues/" + parts[2]
}

func (d *driver) issuePath(id string) string { return d.cfg.repo() + "/issues/" + id }

// locate reads an issue where it is now, and returns its path as well.
func (d *driver) locate(ctx context.Context, op, id string) (targets.Issue, string, error) {
	if !isNumber(id) {
		return targets.Issue{}, "", wire.UnknownID(op, name, issueName(id))
	}
	path := d.issuePath(id)
	for moves := 0; ; moves++ {
		var i issue
		err := d.get(ctx, op, path, one(&i))
		if moved := (*movedError)(nil); errors.As(err, &moved) && moves < maxMoves {
			if next := moved.issue(d.cfg.api); next != "" {
				path = next
				continue
			}
		}
		if err == nil && i.Number == 0 {
			err = notGitHub(op, errors.New("no issue in the answer"))
		}
		if err != nil {
			return targets.Issue{}, "", d.explain(ctx, op, id, path, err)
		}
		found := portable(i)
		if path != d.issuePath(id) {
			found.ID, found.Key, found.Verdict = id, keyElsewhere(i), targets.VerdictMoved
		}
		return found, path, nil
	}
}

// keyElsewhere is what people call an issue of another repository,
// "owner/name#7", as its page's address says.
func keyElsewhere(i issue) string {
	key := "#" + strconv.Itoa(i.Number)
	page, err := url.Parse(i.HTMLURL)
	if err != nil {
		return key
	}
	parts := strings.Split(strings.Trim(page.Path, "/"), "/")
	if len(parts) < 4 {
		return key
	}
	return strings.Join(parts[len(parts)-4:len(parts)-2], "/") + key
}

// explain looks closer at an issue that GitHub does not return at a path.
func (d *driver) explain(ctx context.Context, op, id, path string, err error) error {
	var said *refusedError
	own := errors.As(err, &said) && said.own
	place := path[:strings.LastIndex(path, "/issues/")]
	found := wire.Absence{Op: op, Tracker: name, Issue: issueName(id), Account: "the " + d.who(), Said: own,
		Prove: func(ctx context.Context) error { return d.prove(ctx, place) }}.Explain(ctx, err)
	switch {
	case fault.KindOf(found) != fault.Gone:
		return found
	case said.status != http.StatusGone:
		return &fault.Error{Op: op, Kind: fault.NotFound, Err: err,
			Public: fmt.Sprintf("GitHub does not show %s to the %s: it was transferred out of its reach, or never existed. Ask a GitHub admin for access to where it is, or unlink and push again for a new one.", issueName(id), d.who())}
	case strings.Contains(said.message, "disabled"): // they were switched on a moment ago
		return &fault.Error{Op: op, Kind: fault.Forbidden, Err: err, Public: d.noIssues(op).Public}
	default:
		return found
	}
}

// prove asks whether the account may read the issues of a repository.
func (d *driver) prove(ctx context.Context, place string) error {
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

// change writes to an issue, wherever it is now.
func (d *driver) change(ctx context.Context, op, method, id, part string, body, out any) error {
	if !isNumber(id) {
		return wire.UnknownID(op, name, issueName(id))
	}
	err := d.write(ctx, op, method, d.issuePath(id)+part, body, out)
	if err == nil || fault.KindOf(err) != fault.NotFound && !errors.As(err, new(*movedError)) {
		return err
	}
	_, path, why := d.locate(ctx, op, id)
	if why != nil {
		return why
	}
	if path != d.issuePath(id) {
		err = d.write(ctx, op, method, path+part, body, out)
	}
	if err != nil && fault.KindOf(err) == fault.NotFound { // it can be read
		return &fault.Error{Op: op, Kind: fault.Forbidden, Err: err, Public: d.denied()}
	}
	return err
}

func issueName(id string) string { return "issue #" + text.Title(id, 20) }

// isNumber reports whether an id is one that an issue can have.
func isNumber(id string) bool {
	n, err := strconv.Atoi(id)
	return err == nil && n > 0 && strconv.Itoa(n) == id
}
