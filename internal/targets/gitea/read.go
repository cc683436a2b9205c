package gitea

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// What became of an issue that Gitea does not return at its number.

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	found, _, err := d.locate(ctx, "read issue", id)
	return found, err
}

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	return d.Read(ctx, ref.Number(d.cfg.repository)+ref.After("issues"))
}

// maxMoves bounds how often a renamed repository is followed.
const maxMoves = 3

// locate reads an issue where it is now, and returns its repository as well.
func (d *driver) locate(ctx context.Context, op, id string) (targets.Issue, string, error) {
	if !text.IsNumber(id) {
		return targets.Issue{}, "", wire.UnknownID(op, name, issueName(id))
	}
	repository := d.cfg.repository
	for moves := 0; ; moves++ {
		var i issue
		err := d.get(ctx, op, issuePath(repository, id), one(&i))
		if moved := (*movedError)(nil); errors.As(err, &moved) && moves < maxMoves {
			if next := moved.repository(d.cfg, id); next != "" {
				repository = next
				continue
			}
		}
		if err == nil && i.Number == 0 {
			err = notGitea(op, errors.New("no issue in the answer"))
		}
		if err != nil {
			return targets.Issue{}, "", d.explain(ctx, op, id, repository, err)
		}
		found := toIssue(i)
		if repository != d.cfg.repository {
			found.Key, found.Verdict = repository+found.Key, targets.VerdictMoved
		}
		return found, repository, nil
	}
}

// movedError is the cause of a redirect, which Gitea answers for a repository
// that was renamed or transferred.
type movedError struct {
	location string
	cause    error
}

func (e *movedError) Error() string { return e.cause.Error() }

func (e *movedError) Unwrap() error { return e.cause }

// repository returns the owner/name that the redirect of an issue's address
// leads to; "" if it leads anywhere else. Only the name is used: the request
// for it goes to the server of the settings.
func (e *movedError) repository(cfg config, id string) string {
	to, err := url.Parse(e.location)
	if err != nil {
		return ""
	}
	own, err := url.Parse(cfg.url)
	if err != nil || to.Host != "" && !strings.EqualFold(to.Host, own.Host) {
		return ""
	}
	_, path, _ := strings.Cut(to.Path, apiPath+"/repos/")
	parts := strings.Split(path, "/")
	if len(parts) != 4 || !namePart(parts[0]) || !namePart(parts[1]) || parts[2] != "issues" || parts[3] != id {
		return ""
	}
	return parts[0] + "/" + parts[1]
}

func issuePath(repository, id string) string { return "/repos/" + repository + "/issues/" + id }

// toIssue converts an issue to the shared form.
func toIssue(i issue) targets.Issue {
	number := strconv.Itoa(i.Number)
	out := targets.Issue{ID: number, Key: "#" + number, URL: i.HTMLURL, Title: i.Title, Status: "Open", Progress: targets.Open}
	if i.State == stateClosed {
		out.Status, out.Progress = "Closed", targets.Done
	}
	return out
}

func issueName(id string) string { return fmt.Sprintf("issue #%s", text.Title(id, 20)) }
