package redmine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

const keyAccount = "the API key's account"

// errWordless is the cause of a 404 without a body, which is how Redmine says
// that it has no such thing.
var errWordless = errors.New("HTTP status 404 without a body")

func issueName(id string) string { return "issue #" + text.Title(id, 20) }

// explainIssue looks closer at a refused read or change of an issue.
func (d *driver) explainIssue(ctx context.Context, op, id string, err error) error {
	return wire.Absence{Op: op, Tracker: name, Issue: issueName(id), Account: keyAccount,
		Said: errors.Is(err, errWordless), Prove: d.provePlace}.Explain(ctx, d.explainDenied(ctx, err))
}

// explainDenied tells a permission that is missing from a REST API that is
// switched off: then Redmine denies even the key's own account.
func (d *driver) explainDenied(ctx context.Context, err error) error {
	if err == nil || fault.KindOf(err) != fault.Forbidden {
		return err
	}
	if _, why := d.proveKey(ctx, ""); why != nil {
		return wire.Sure(why)
	}
	return err
}

// plan is what the settings mean. A REST API that was switched off shows here
// first in a process that has just started.
func (d *driver) plan(ctx context.Context) (*plan, error) {
	p, err := d.planner.get(ctx)
	return p, d.explainDenied(ctx, err)
}

// provePlace proves the key and that the project's issues can be read.
func (d *driver) provePlace(ctx context.Context) error {
	if _, err := d.proveKey(ctx, ""); err != nil {
		return err
	}
	project, err := d.planner.project(ctx)
	if err != nil {
		return err
	}
	modules := project.Project.Modules
	if modules != nil && !slices.ContainsFunc(modules, func(m ref) bool { return m.Name == "issue_tracking" }) {
		return d.noIssues("read project")
	}
	return nil
}

func (c client) noIssues(op string) *fault.Error {
	return invalid(op, "The Redmine project %q has no issues: its module Issue tracking is off, or has no trackers. Ask a Redmine admin to switch it on in the project's settings.", c.cfg.project)
}

// restIsOff is the error where Redmine denies the key's own account.
func restIsOff(op string, cause error) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Forbidden, Err: cause,
		Public: "Redmine takes no requests by API key. Ask a Redmine admin to switch them on: Administration > Settings > API > Enable REST web service."}
}

// notRedmine is a read that brought something else than what Redmine sends.
func notRedmine(op string, err error) *fault.Error {
	return wire.Stranger(op, name, "settings.url", err)
}

// ownWords reports whether a refusal's body is Redmine's: a list of errors, or
// what Rails writes when a request fails.
func ownWords(body []byte) bool {
	var said struct {
		Errors []string `json:"errors"`
		Status int      `json:"status"`
		Error  string   `json:"error"`
	}
	if json.Unmarshal(body, &said) == nil {
		return len(said.Errors) > 0 || said.Status > 0 && said.Error != ""
	}
	return bytes.Contains(body, []byte("<title>Redmine 500 error</title>"))
}

// refine turns what Redmine says of a failure into a sentence. 400, 401, 403
// and 404 have empty bodies; 422 lists localised sentences.
func (c client) refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	if verdict == nil {
		return nil
	}
	if e := wire.Foreign(name, r, ownWords(r.Body)); e != nil {
		return e
	}
	verdict.Ref = r.Header.Get("X-Request-Id")
	switch {
	case r.Status == http.StatusUnauthorized:
		verdict.Public = "Redmine refused the API key. Ask your admin to renew it in the integration's settings, and to see that REST is on in Redmine (Administration > Settings > API)."
	case r.Status == http.StatusForbidden:
		verdict.Public = fmt.Sprintf("Redmine does not allow this to the API key's account in project %q. Ask a Redmine admin to give it a role there that may view, add and edit issues.", c.cfg.project)
	case r.Status == http.StatusNotFound && len(r.Body) == 0:
		verdict.Err = errWordless
	case r.Status == http.StatusUnprocessableEntity:
		if said := refusals(r.Body); len(said) > 0 {
			verdict.Err = &refusedError{said: said}
			verdict.Public = refusal(said)
		}
	case r.Status >= 300 && r.Status < 400:
		verdict.Public = "Redmine's address leads elsewhere. Ask your admin to check settings.url (https? a login page in front of it?)."
	}
	return verdict
}
