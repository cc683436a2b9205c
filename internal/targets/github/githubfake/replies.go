package githubfake

import (
	"strconv"
	"strings"
)

// The objects of GitHub's replies, whole as its description demands.

const moment = "2026-01-31T12:00:00Z"

func nodeID(id int) string { return "N_" + strconv.Itoa(id) }

// addresses sets an object's many addresses: NAME_url for each.
func addresses(out map[string]any, base string, names string) {
	for n := range strings.FieldsSeq(names) {
		out[n+"_url"] = base + "/" + n
	}
}

func (c *call) user(login string) map[string]any {
	kind := "User"
	if c.repo != nil && c.repo.Org && login == c.repo.Owner {
		kind = "Organization"
	} else if strings.HasSuffix(login, "[bot]") {
		kind = "Bot"
	}
	address := c.base + "/users/" + strings.TrimSuffix(login, "[bot]")
	out := map[string]any{"login": login, "id": 7, "node_id": nodeID(7), "gravatar_id": "", "url": address, "type": kind, "site_admin": false}
	addresses(out, address, "avatar html followers following gists starred subscriptions organizations repos events received_events")
	return out
}

func (c *call) publicUser(login string) map[string]any {
	out := c.user(login)
	for _, name := range []string{"name", "company", "blog", "location", "email", "hireable", "bio"} {
		out[name] = nil
	}
	out["user_view_type"] = "public"
	out["public_repos"], out["public_gists"], out["followers"], out["following"] = 1, 0, 0, 0
	out["created_at"], out["updated_at"] = moment, moment
	return out
}

func (c *call) fullRepository() map[string]any {
	r := c.repo
	address := c.base + "/repos/" + r.FullName()
	out := map[string]any{"id": r.ID, "node_id": nodeID(r.ID), "name": r.Name, "full_name": r.FullName(), "owner": c.user(r.Owner), "private": !r.Public,
		"url": address, "description": nil, "fork": false, "homepage": nil, "language": nil, "license": nil, "mirror_url": nil,
		"default_branch": "main", "has_issues": !r.NoIssues, "has_projects": true, "has_wiki": true, "has_pages": false, "has_discussions": false,
		"archived": r.Archived, "disabled": false, "pushed_at": moment, "created_at": moment, "updated_at": moment,
		"permissions": map[string]any{"admin": false, "maintain": false, "push": c.role == "write", "triage": c.role == "write", "pull": true}}
	addresses(out, address, "archive assignees blobs branches collaborators comments commits compare contents contributors deployments downloads events forks "+
		"git_commits git_refs git_tags hooks html issue_comment issue_events issues keys labels languages merges milestones notifications pulls releases "+
		"stargazers statuses subscribers subscription tags teams trees clone git ssh svn")
	for _, count := range []string{"forks", "forks_count", "open_issues", "open_issues_count", "size", "stargazers_count", "watchers", "watchers_count", "network_count", "subscribers_count"} {
		out[count] = 0
	}
	return out
}

func (c *call) issue(i *Issue) map[string]any {
	address := c.base + "/repos/" + c.repo.FullName() + "/issues/" + strconv.Itoa(i.Number)
	out := map[string]any{"id": 500 + i.Number, "node_id": nodeID(500 + i.Number), "number": i.Number, "url": address,
		"html_url": strings.TrimSuffix(c.base, Prefix) + "/" + c.repo.FullName() + "/issues/" + strconv.Itoa(i.Number), "repository_url": c.base + "/repos/" + c.repo.FullName(),
		"title": i.Title, "body": nil, "state": i.State, "state_reason": nil, "user": c.user(i.Creator), "labels": c.labels(i.Labels),
		"assignee": nil, "assignees": []any{}, "milestone": nil, "locked": false, "active_lock_reason": nil, "comments": len(i.Comments),
		"created_at": moment, "updated_at": moment, "closed_at": nil, "author_association": "MEMBER"}
	addresses(out, address, "labels comments events")
	if i.Body != "" {
		out["body"] = i.Body
	}
	if i.State == "closed" {
		out["closed_at"], out["state_reason"] = moment, i.StateReason
	}
	var assignees []any
	for _, login := range i.Assignees {
		assignees = append(assignees, c.user(login))
	}
	if len(assignees) > 0 {
		out["assignee"], out["assignees"] = assignees[0], assignees
	}
	for _, m := range c.repo.Milestones {
		if m.Number == i.Milestone {
			out["milestone"] = c.milestone(m)
		}
	}
	if i.Type != "" {
		out["type"] = issueType(1, i.Type)
	}
	if i.Pull {
		out["pull_request"] = map[string]any{"url": address, "html_url": address, "diff_url": address, "patch_url": address}
	}
	return out
}

func (c *call) labels(names []string) []any {
	out := []any{}
	for n, name := range names {
		out = append(out, map[string]any{"id": n + 1, "node_id": nodeID(n), "url": c.base + "/labels/" + strconv.Itoa(n), "name": name,
			"description": nil, "color": "ededed", "default": false})
	}
	return out
}

func (c *call) milestone(m Milestone) map[string]any {
	state := map[bool]string{false: "open", true: "closed"}[m.Closed]
	out := map[string]any{"id": 60 + m.Number, "node_id": nodeID(60 + m.Number), "number": m.Number, "title": m.Title, "state": state, "description": nil,
		"creator": c.user("someone"), "open_issues": 0, "closed_issues": 0, "created_at": moment, "updated_at": moment, "closed_at": nil, "due_on": nil,
		"url": c.base + "/milestones"}
	addresses(out, c.base+"/milestones", "labels html")
	return out
}

func issueType(id int, name string) map[string]any {
	return map[string]any{"id": id, "node_id": nodeID(id), "name": name, "description": nil, "color": "blue", "is_enabled": true, "created_at": moment, "updated_at": moment}
}

func (c *call) comment(i *Issue, body string) map[string]any {
	id := c.nextID()
	address := c.base + "/repos/" + c.repo.FullName() + "/issues/comments/" + strconv.Itoa(id)
	return map[string]any{"id": id, "node_id": nodeID(id), "url": address, "html_url": address, "body": body, "user": c.user(c.who.Login),
		"issue_url": c.base + "/repos/" + c.repo.FullName() + "/issues/" + strconv.Itoa(i.Number), "created_at": moment, "updated_at": moment, "author_association": "MEMBER"}
}

func (c *call) integration() map[string]any {
	id, _ := strconv.Atoi(c.App.ID)
	return map[string]any{"id": id, "slug": c.App.Slug, "node_id": nodeID(id), "owner": c.user("acme"), "name": c.App.Slug, "description": nil,
		"external_url": "https://example.com", "html_url": "https://github.com/apps/" + c.App.Slug, "created_at": moment, "updated_at": moment,
		"permissions": map[string]any{"issues": "write", "metadata": "read"}, "events": c.App.Events}
}
