package gitea

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

// What became of an issue that Gitea does not return at its number.

// maxMoves bounds how often a renamed repository is followed.
const maxMoves = 3

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

// locate reads an issue where it is now, and returns its repository as well.
func (d *driver) locate(ctx context.Context, op, id string) (targets.Issue, string, error) {
	if !isNumber(id) {
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
		found := portable(i)
		if repository != d.cfg.repository {
			found.Key, found.Verdict = repository+found.Key, targets.VerdictMoved
		}
		return found, repository, nil
	}
}

// explain looks closer at an issue that Gitea does not return.
func (d *driver) explain(ctx context.Context, op, id, repository string, err error) error {
	var said *refusedError
	return wire.Absence{Op: op, Tracker: name, Issue: issueName(id), Account: "the token's account", Said: errors.As(err, &said),
		Prove: func(ctx context.Context) error { return d.prove(ctx, repository) }}.Explain(ctx, err)
}

// prove asks whether the account may read a repository's issues. Gitea says
// 404 to an account whose team lacks the issues, and of a repository whose
// issues are switched off.
func (d *driver) prove(ctx context.Context, repository string) error {
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

// change writes to an issue, wherever it is now.
func (d *driver) change(ctx context.Context, op, method, id, part string, body, out any) error {
	if !isNumber(id) {
		return wire.UnknownID(op, name, issueName(id))
	}
	err := d.write(ctx, op, method, issuePath(d.cfg.repository, id)+part, body, out)
	if !absent(err) {
		return err
	}
	_, repository, why := d.locate(ctx, op, id)
	switch {
	case why != nil && fault.IsUnsure(err) && fault.KindOf(why).Transient():
		return err
	case why != nil:
		return why
	case repository != d.cfg.repository:
		err = d.write(ctx, op, method, issuePath(repository, id)+part, body, out)
	}
	if err != nil && fault.KindOf(err) == fault.NotFound { // it can be read
		return &fault.Error{Op: op, Kind: fault.Forbidden, Err: err, Public: d.forbidden(repository, "")}
	}
	return err
}

// absent reports whether a refused change may be due to an issue that is not
// there. Gitea answers 500 to a remark on one.
func absent(err error) bool {
	if err == nil {
		return false
	}
	var said *refusedError
	broken := errors.As(err, &said) && said.status == http.StatusInternalServerError
	return broken || fault.KindOf(err) == fault.NotFound || errors.As(err, new(*movedError))
}

func issueName(id string) string { return fmt.Sprintf("issue #%s", text.Title(id, 20)) }

// isNumber reports whether an id is one that an issue can have.
func isNumber(id string) bool {
	n, err := strconv.Atoi(id)
	return err == nil && n > 0 && strconv.Itoa(n) == id
}
