package githubfake

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// The one question that the REST API has no answer for: issues by their
// numbers. Field names, arguments and enums are those of GitHub's public schema.

//nolint:gochecknoglobals // constants
var (
	issuesQuery = regexp.MustCompile(`^query ReadIssues\(\$owner: String!, \$name: String!\) \{ repository\(owner: \$owner, name: \$name\) \{((?: i[0-9]+: issue\(number: [0-9]+\) \{ \.\.\.shown \})+) \} \} ` +
		`fragment shown on Issue \{ number title url state stateReason\(enableDuplicate: true\) \}$`)
	oneIssue = regexp.MustCompile(`(i[0-9]+): issue\(number: ([0-9]+)\)`)
)

// postGraphQL answers 200, whatever it does not find. An issue that was
// transferred or deleted is not there, and a pull request is none.
func (c *call) postGraphQL() {
	var in struct {
		Query     string            `json:"query"`
		Variables map[string]string `json:"variables"`
	}
	if !c.authenticate() || !c.body(&in) {
		return
	}
	asked := issuesQuery.FindStringSubmatch(in.Query)
	if asked == nil || len(in.Variables) != 2 {
		c.t.Errorf("GitHub was not asked this before: %s", in.Query)
		c.send(http.StatusOK, map[string]any{"errors": []any{map[string]any{"message": "Parse error"}}})
		return
	}
	name := strings.ToLower(in.Variables["owner"] + "/" + in.Variables["name"])
	c.repo = c.Repositories[name]
	if renamed := c.Renamed[name]; c.repo == nil && renamed != nil {
		c.repo = renamed // GraphQL follows
	}
	var errs []any
	missing := func(kind, message string, path ...any) {
		errs = append(errs, map[string]any{"type": kind, "path": path, "message": message, "locations": []any{map[string]any{"line": 1, "column": 1}}})
	}
	if c.repo != nil {
		c.role = c.roleIn(strings.ToLower(c.repo.FullName()))
	}
	if c.repo == nil || c.role == "" {
		missing("NOT_FOUND", "Could not resolve to a Repository with the name '"+name+"'.", "repository")
		c.send(http.StatusOK, map[string]any{"data": map[string]any{"repository": nil}, "errors": errs})
		return
	}
	found := map[string]any{}
	for _, m := range oneIssue.FindAllStringSubmatch(asked[1], -1) {
		alias, number := m[1], atoi(m[2])
		found[alias] = nil
		switch i := c.visible(number); {
		case c.role == "metadata":
			missing("FORBIDDEN", "Resource not accessible by personal access token", "repository", alias)
		case i == nil:
			missing("NOT_FOUND", "Could not resolve to an Issue with the number of "+strconv.Itoa(number)+".", "repository", alias)
		default:
			found[alias] = c.graphIssue(i)
		}
	}
	reply := map[string]any{"data": map[string]any{"repository": found}}
	if len(errs) > 0 {
		reply["errors"] = errs
	}
	c.send(http.StatusOK, reply)
}

func (c *call) visible(number int) *Issue {
	if c.repo.NoIssues || number < 1 || number > len(c.repo.Issues) {
		return nil
	}
	i := c.repo.Issues[number-1]
	if i.Pull || i.Deleted || i.To.Repository != nil {
		return nil
	}
	return i
}

func (c *call) graphIssue(i *Issue) map[string]any {
	out := map[string]any{"number": i.Number, "title": i.Title, "url": c.issue(i)["html_url"], "state": strings.ToUpper(i.State), "stateReason": nil}
	if i.StateReason != "" {
		out["stateReason"] = strings.ToUpper(i.StateReason)
	}
	return out
}
