package linearfake

import (
	"net/url"
	"slices"
)

// What is attached to an issue.

func (c *call) createLink(args map[string]string) (any, *fault) {
	var in struct {
		IssueID  string `json:"issueId"`
		Title    string `json:"title"`
		Subtitle string `json:"subtitle"`
		URL      string `json:"url"`
	}
	if f := c.arg(args, "input", &in); f != nil {
		return nil, f
	}
	i := c.issue(in.IssueID)
	if i == nil {
		return nil, notFound("Issue")
	}
	u, err := url.Parse(in.URL)
	if err != nil || u.Host == "" || in.Title == "" || c.server.failLinks {
		return nil, input("Argument Validation Error", "url must be a URL address.")
	}
	if !slices.Contains(i.Links, in.URL) {
		i.Links = append(i.Links, in.URL)
	}
	return map[string]any{"success": true}, nil
}

func (c *call) createComment(args map[string]string) (any, *fault) {
	var in struct {
		IssueID string `json:"issueId"`
		Body    string `json:"body"`
	}
	if f := c.arg(args, "input", &in); f != nil {
		return nil, f
	}
	i := c.changeable(in.IssueID)
	if i == nil {
		return nil, notFound("Issue")
	}
	i.Comments = append(i.Comments, in.Body)
	return map[string]any{"success": true}, nil
}
