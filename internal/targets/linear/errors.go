package linear

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

const (
	// maxWait bounds what is believed of the limits' reset times: Linear's
	// windows are an hour.
	maxWait = time.Hour
	// maxErrors bounds the errors of one reply that are looked at.
	maxErrors = 8
)

// graphError is one of a reply's errors.
type graphError struct {
	Message    string `json:"message"`
	Path       []any  `json:"path"`
	Extensions struct {
		// Code ("INPUT_ERROR") and Type ("invalid input") say the same twice.
		Code        string `json:"code"`
		Type        string `json:"type"`
		Presentable string `json:"userPresentableMessage"`
	} `json:"extensions"`
}

// apiError keeps what Linear said in a reply's errors.
type apiError struct{ errors []graphError }

func (e *apiError) Error() string {
	texts := make([]string, len(e.errors))
	for i, one := range e.errors {
		texts[i] = strings.TrimSpace(one.Extensions.Code + " " + one.Message)
	}
	return "refused: " + strings.Join(texts, "; ")
}

// graphErrors reads a reply's errors; one that is not as it should be counts
// as an error that says nothing.
func graphErrors(body []byte) []graphError {
	var reply struct {
		Errors []json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(body, &reply) != nil {
		return nil
	}
	var out []graphError
	for _, raw := range reply.Errors[:min(len(reply.Errors), maxErrors)] {
		var e graphError
		if json.Unmarshal(raw, &e) != nil {
			e = graphError{}
		}
		out = append(out, e)
	}
	return out
}

// refine reads the errors of a reply, which stand under 200 and under 400
// alike, and turns them into a kind and a sentence.
func refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	errs := graphErrors(r.Body)
	if verdict == nil && len(errs) == 0 {
		return nil
	}
	if e := wire.Foreign(name, r, own(errs)); e != nil {
		e.Ref = r.Header.Get("X-Request-Id")
		return e
	}
	if verdict == nil {
		verdict = &fault.Error{Kind: fault.Unavailable, Unsure: true}
	}
	verdict.Ref = r.Header.Get("X-Request-Id")
	if len(errs) > 0 {
		verdict.Err = &apiError{errs}
	}
	if r.Status < 300 || r.Status >= 400 && r.Status < 500 && r.Status != http.StatusRequestTimeout {
		if kind, ok := kindOf(errs); ok {
			verdict.Kind, verdict.Unsure = kind, false
		}
	}
	switch verdict.Kind {
	case fault.Unauthorized:
		verdict.Public = "Linear refused the API key or token. Ask your admin to renew it in the integration's settings."
	case fault.RateLimited:
		if verdict.RetryAfter == 0 {
			verdict.RetryAfter = untilReset(r.Header, time.Now())
		}
	case fault.Invalid, fault.Forbidden:
		verdict.Public = refusal(errs)
	default: // the usual sentence
	}
	return verdict
}

// kindOf classifies the first error that says what it is. What is Linear's
// own fault, and what it does not name, leaves open whether a change was made.
func kindOf(errs []graphError) (fault.Kind, bool) {
	for _, e := range errs {
		for _, word := range []string{e.Extensions.Code, e.Extensions.Type} {
			switch strings.ReplaceAll(strings.ToLower(word), "_", " ") {
			case "ratelimited":
				return fault.RateLimited, true
			case "authentication error", "unauthenticated":
				return fault.Unauthorized, true
			case "forbidden", "feature not accessible", "usage limit exceeded":
				return fault.Forbidden, true
			case "input error", "invalid input", "user error", "bad user input", "graphql error",
				"graphql validation failed", "graphql parse failed":
				return fault.Invalid, true
			}
		}
	}
	return fault.Internal, false
}

// refusal returns the sentence for who clicked: Linear's own for people if it has
// one. "" for a refusal without words.
func refusal(errs []graphError) string {
	for _, e := range errs {
		what := e.Extensions.Presentable
		if what == "" {
			what = e.Message
		}
		if what != "" {
			return text.WithAdvice(name, what, ". Ask your admin to change that in Linear or in the integration's settings.")
		}
	}
	return ""
}

// untilReset reads when the limit that is spent is full again. Linear counts
// requests, their complexity, and some operations apart (milliseconds since 1970).
func untilReset(h http.Header, now time.Time) time.Duration {
	var wait time.Duration
	for _, limit := range []string{"Requests", "Complexity", "Endpoint-Requests"} {
		if h.Get("X-Ratelimit-"+limit+"-Remaining") != "0" {
			continue
		}
		if at, err := strconv.ParseInt(h.Get("X-Ratelimit-"+limit+"-Reset"), 10, 64); err == nil {
			wait = max(wait, time.UnixMilli(at).Sub(now))
		}
	}
	return min(wait, maxWait)
}

// The entities that Linear says it cannot find.
const (
	entityIssue = "Issue"
	entityTeam  = "Team"
)

// absent reports whether Linear said that it has no such entity, or none that
// the account sees.
func absent(err error, entity string) bool {
	var apiErr *apiError
	return errors.As(err, &apiErr) && apiErr.absent(entity)
}

// absent looks for "Entity not found: Issue". "Entity not found in
// validateAccess: labelIds" names an input's field, and not the issue. An empty
// entity stands for anything.
func (e *apiError) absent(entity string) bool {
	for _, one := range e.errors {
		rest, ok := strings.CutPrefix(one.Message, "Entity not found")
		if !ok {
			continue
		}
		named, _, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(rest, ":")), " ")
		if entity == "" || rest[:min(len(rest), 1)] == ":" && strings.TrimRight(named, ".:") == entity {
			return true
		}
	}
	return false
}

// labels reports whether Linear refused labels.
func (e *apiError) labels() bool {
	for _, one := range e.errors {
		if message := strings.ToLower(one.Message); strings.Contains(message, "labelids") || strings.Contains(message, "issuelabel") {
			return true
		}
	}
	return false
}

// own reports whether Linear wrote a reply's errors: each has a code or a type.
func own(errs []graphError) bool {
	for _, e := range errs {
		if e.Extensions.Code != "" || e.Extensions.Type != "" {
			return true
		}
	}
	return false
}

// noIssueError says that Linear returned no issue; said reports whether in its
// own words.
type noIssueError struct{ own bool }

func (e *noIssueError) Error() string { return "Linear returned no such issue" }

func noIssue(op string, own bool) error {
	return &fault.Error{Op: op, Kind: fault.NotFound, Err: &noIssueError{own}}
}

// explain looks closer at an issue that Linear does not return.
func (d *driver) explain(ctx context.Context, op string, err error) error {
	var none *noIssueError
	return wire.Absence{Op: op, Tracker: name, Issue: "this issue", Account: "the integration's account",
		Own: errors.As(err, &none) && none.own, CheckPlace: d.checkReading}.Explain(ctx, err)
}

// checkTeam checks that the account still sees the team.
func (d *driver) checkTeam(ctx context.Context, id string) error {
	return d.readTeamID(ctx, checkTeam, id)
}

func (d *driver) readTeamID(ctx context.Context, doc document, id string) error {
	const op = "read team"
	var reply struct{ Team struct{ ID string } }
	err := d.query(ctx, op, doc, vars{"id": id}, &reply)
	switch {
	case absent(err, entityTeam):
		e := *fault.From(err)
		e.Kind = fault.NotFound
		e.Public = fmt.Sprintf("Linear does not show team %q to the integration's account any more. Ask a Linear admin to let it in, or your admin to correct settings.team.", text.Title(d.cfg.team, 40))
		return &e
	case err == nil && reply.Team.ID != id:
		return notLinear(op, errors.New("no team in the answer"))
	}
	return err
}

// checkReading checks that an issue which Linear does not return was deleted.
// Linear says the same of one that was moved to a team which the account does
// not see. An account that sees a single team, such as a limited API key, proves
// nothing.
func (d *driver) checkReading(ctx context.Context) error {
	const op = "find team"
	all, err := d.teams(ctx)
	if err != nil {
		return err
	}
	found := pickTeam(all, d.cfg.team)
	if found == nil {
		return d.noTeam(op, all)
	}
	if err := d.readTeamID(ctx, checkReading, found.ID); err != nil {
		return err
	}
	if len(all) == 1 {
		return &fault.Error{Op: op, Kind: fault.Forbidden, Public: fmt.Sprintf(
			"Linear does not show this issue: it was deleted, or moved to a team that the integration's account does not see. It sees team %s alone. Ask a Linear admin to give it more teams, or unlink and push again for a new issue.", text.Title(found.Key, 20))}
	}
	return nil
}

func trashed(op string, i targets.Issue) error {
	return wire.Trashed(op, name, "The issue "+i.Key)
}

// notLinear returns the error for an answer that Linear does not send.
func notLinear(op string, err error) *fault.Error {
	return wire.Stranger(op, name, "settings.url", err)
}
