package github

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// What became of an issue that GitHub does not return at its number. GitHub
// says 301 for a transferred issue and for every issue of a renamed repository,
// 410 for a deleted one and where issues are switched off, and 404 for one that
// was transferred out of the account's reach.

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	found, _, err := d.locate(ctx, "read issue", id)
	return found, err
}

// Resolve implements targets.Resolver. A pull request is none of ours.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	found, err := d.Read(ctx, ref.Number(d.cfg.repository)+ref.After("issues"))
	if err == nil && strings.Contains(found.URL, "/pull/") {
		return targets.Issue{}, wire.Invalid("read issue", "GitHub: %s is a pull request, not an issue.", found.Key)
	}
	return found, err
}

// maxMoves bounds how often an issue is followed.
const maxMoves = 3

// locate reads an issue where it is now, and returns its path as well.
func (d *driver) locate(ctx context.Context, op, id string) (targets.Issue, string, error) {
	if !text.IsNumber(id) {
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
		found := toIssue(i)
		if path != d.issuePath(id) {
			found.ID, found.Key, found.Verdict = id, keyElsewhere(i), targets.VerdictMoved
		}
		return found, path, nil
	}
}

// keyElsewhere returns what people call an issue of another repository,
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
	if !ok || len(parts) != 3 || !text.IsNumber(parts[0]) || parts[1] != "issues" || !text.IsNumber(parts[2]) {
		return ""
	}
	return "/repositories/" + parts[0] + "/issues/" + parts[2]
}

func (d *driver) issuePath(id string) string { return d.cfg.repo() + "/issues/" + id }

// toIssue converts an issue to the shared form.
func toIssue(i issue) targets.Issue {
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

func issueName(id string) string { return "issue #" + text.Title(id, 20) }
