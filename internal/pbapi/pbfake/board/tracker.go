package board

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Tracker is the tracker whose issues are shown.
type Tracker interface {
	// Issues lists the issues, newest first.
	Issues(ctx context.Context) []TrackerIssue
}

// StatusChanger is the ability to move issues, so that the button's label can
// be seen to follow.
type StatusChanger interface {
	// Statuses lists the statuses in their order.
	Statuses() []string
	// SetStatus moves the issue with an ID.
	SetStatus(ctx context.Context, id, status string) error
}

// TrackerIssue is one issue as the pages show it.
type TrackerIssue struct {
	// ID is what addresses are made of: /sandbox/tracker/issues/{ID}. Key is
	// what people call it; both lead to the page.
	ID, Key string
	Title   string
	Status  string
	// Progress colours the status: "open", "started" or "done".
	Progress string
	// Description and Comments are Markdown. Nothing in them is trusted.
	Description string
	Comments    []string
	Labels      []string
	Reporter    string
	// Link leads back to Productboard.
	Link      string
	CreatedAt time.Time
}

// maxIssuesShown bounds the list on the page.
const maxIssuesShown = 500

func (p *pages) issues(w http.ResponseWriter, r *http.Request) {
	all := p.tracker.Issues(r.Context())
	shown := all[:min(len(all), maxIssuesShown)]
	p.show(w, http.StatusOK, "issues.html", struct {
		Issues []TrackerIssue
		Total  int
	}{shown, len(all)})
}

func (p *pages) issue(w http.ResponseWriter, r *http.Request) {
	issue, found := p.findIssue(r)
	if !found {
		p.notFound(w, "The tracker has no such issue.")
		return
	}
	var statuses []string
	if changer, ok := p.tracker.(StatusChanger); ok {
		statuses = changer.Statuses()
	}
	comments := make([]any, 0, len(issue.Comments))
	for _, c := range issue.Comments {
		comments = append(comments, p.render.fromMarkdown(c))
	}
	p.show(w, http.StatusOK, "issue.html", map[string]any{
		"Issue": issue, "Statuses": statuses, "Description": p.render.fromMarkdown(issue.Description),
		"Comments": comments, "Link": webLink(issue.Link),
	})
}

func (p *pages) setStatus(w http.ResponseWriter, r *http.Request) {
	issue, found := p.findIssue(r)
	changer, able := p.tracker.(StatusChanger)
	status := r.FormValue("status")
	if !found || !able || !slices.Contains(changer.Statuses(), status) {
		p.notFound(w, "There is no such issue or status.")
		return
	}
	if err := changer.SetStatus(r.Context(), issue.ID, status); err != nil {
		p.show(w, http.StatusConflict, "message.html", struct{ Title, Text string }{"Not moved", "The tracker did not move the issue."})
		return
	}
	http.Redirect(w, r, Prefix+"/tracker/issues/"+url.PathEscape(issue.ID), http.StatusSeeOther)
}

func (p *pages) findIssue(r *http.Request) (TrackerIssue, bool) {
	id := r.PathValue("id")
	all := p.tracker.Issues(r.Context())
	i := slices.IndexFunc(all, func(t TrackerIssue) bool { return t.ID == id })
	if i < 0 {
		i = slices.IndexFunc(all, func(t TrackerIssue) bool { return t.Key == id })
	}
	if i < 0 {
		return TrackerIssue{}, false
	}
	return all[i], true
}

// webLink returns an address that may be linked to, or "".
func webLink(s string) string {
	if u, err := url.Parse(s); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return s
	}
	return ""
}
