package github

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// The REST API lists no issues by their numbers, so GraphQL is asked. It
// follows a renamed repository, and knows nothing of transferred and deleted
// issues. Whatever it does not show is left to Read: a server, a proxy or a token
// may also be without GraphQL.

// maxAliases is the most issues of one query.
const maxAliases = 100

// graphPath is where GraphQL is, in the place of the REST API's version.
const graphPath = "/graphql"

// shown are the fields of an issue that toIssue reads.
const shown = " fragment shown on Issue { number title url state stateReason(enableDuplicate: true) }"

type graphQuery struct {
	Query     string            `json:"query"`
	Variables map[string]string `json:"variables"`
}

type graphReply struct {
	Data struct {
		// Repository is null where there is none, and an issue where it is not
		// shown. The names are those of the query.
		Repository map[string]*graphIssue `json:"repository"`
	} `json:"data"`
	Errors []struct {
		Type string `json:"type"`
	} `json:"errors"`
}

type graphIssue struct {
	Number      int    `json:"number"`
	Title       string `json:"title"`
	URL         string `json:"url"`
	State       string `json:"state"`       // in capitals, unlike the REST API
	StateReason string `json:"stateReason"` // as well
}

// rest is the issue as the REST API would have it.
func (i graphIssue) rest() issue {
	return issue{Number: i.Number, HTMLURL: i.URL, Title: i.Title, State: strings.ToLower(i.State), StateReason: strings.ToLower(i.StateReason)}
}

// ReadManyLimit implements targets.ManyReader.
func (d *driver) ReadManyLimit() int { return maxAliases }

// ReadMany implements targets.ManyReader.
func (d *driver) ReadMany(ctx context.Context, ids []string) ([]targets.Issue, error) {
	const op = targets.OpReadMany
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !text.IsNumber(id) })
	if len(ids) == 0 {
		return nil, nil
	}
	owner, repo, _ := strings.Cut(d.cfg.repository, "/")
	body := graphQuery{Query: issuesQuery(ids), Variables: map[string]string{"owner": owner, "name": repo}}
	var reply graphReply
	answer, err := d.send(ctx, op, http.MethodPost, graphPath, body, wire.List(&reply, maxAliases))
	if err = wire.EndRead(op, err, notGitHub); err != nil {
		if unanswered(err) {
			return nil, nil
		}
		return nil, err
	}
	for _, e := range reply.Errors {
		if e.Type == "RATE_LIMITED" {
			after, _ := rateLimited(outbound.Reply{Status: http.StatusTooManyRequests, Header: answer.Header}, &apiError{})
			return nil, &fault.Error{Op: op, Kind: fault.RateLimited, RetryAfter: max(after, time.Second)}
		}
	}
	var out []targets.Issue
	for _, id := range ids {
		if found := reply.Data.Repository["i"+id]; found != nil && found.Number > 0 {
			out = append(out, d.located(id, found.rest()))
		}
	}
	return out, nil
}

// issuesQuery asks for each issue by its number.
func issuesQuery(ids []string) string {
	var q strings.Builder
	q.WriteString("query ReadIssues($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {")
	for _, id := range ids {
		q.WriteString(" i" + id + ": issue(number: " + id + ") { ...shown }")
	}
	q.WriteString(" } }" + shown)
	return q.String()
}

// unanswered reports whether an error may mean that there is no GraphQL here.
func unanswered(err error) bool {
	kind := fault.KindOf(err)
	return kind == fault.NotFound || kind == fault.Forbidden || kind == fault.Gone || kind == fault.Invalid || kind == fault.Intermediary
}

// located is an issue that was asked for by a number, wherever it is now.
func (d *driver) located(id string, i issue) targets.Issue {
	out := toIssue(i)
	if key := keyElsewhere(i); strconv.Itoa(i.Number) != id || !strings.EqualFold(key, d.cfg.repository+"#"+id) {
		out.ID, out.Key, out.Verdict = id, key, targets.VerdictMoved
	}
	return out
}
