package board

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Tracker is the tracker whose issues are shown.
type Tracker interface {
	// Issues lists the issues, newest first.
	Issues(ctx context.Context) []TrackerIssue
	// Issue returns the issue with an ID or with any key that it ever had.
	Issue(ctx context.Context, id string) (TrackerIssue, bool)
}

// Changer is the ability to change issues, so that the buttons can be seen to
// follow. An error's text is shown to whoever asked for the change.
type Changer interface {
	// Statuses lists the statuses in their order.
	Statuses() []string
	// SetStatus sets an issue to one of them.
	SetStatus(ctx context.Context, id, status string) error
	Rename(ctx context.Context, id, title string) error
	// Move moves an issue to another project.
	Move(ctx context.Context, id, project string) error
	// SetTrashed throws an issue away, or restores it.
	SetTrashed(ctx context.Context, id string, trashed bool) error
	// SetHidden hides an issue from the plugin, or shows it again.
	SetHidden(ctx context.Context, id string, hidden bool) error
	// Delete deletes an issue for good.
	Delete(ctx context.Context, id string) error
}

// TrackerIssue is one issue as the pages show it.
type TrackerIssue struct {
	// ID is what addresses are made of: /sandbox/tracker/issues/{ID}. Key is
	// what people call it; both lead to the page.
	ID, Key string
	Project string
	Title   string
	Status  string
	// Trashed and Hidden are set while the issue lies in the trash, and while the
	// plugin may not see it.
	Trashed, Hidden bool
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
	_, hooks := p.tracker.(HookSender)
	p.show(w, http.StatusOK, "issues.html", struct {
		Issues []TrackerIssue
		Total  int
		Hooks  bool
	}{shown, len(all), hooks})
}

func (p *pages) issue(w http.ResponseWriter, r *http.Request) {
	issue, found := p.tracker.Issue(r.Context(), r.PathValue("id"))
	if !found {
		p.notFound(w, "The tracker has no such issue.")
		return
	}
	var statuses []string
	changer, able := p.tracker.(Changer)
	if able {
		statuses = changer.Statuses()
	}
	comments := make([]any, 0, len(issue.Comments))
	for _, c := range issue.Comments {
		comments = append(comments, p.render.fromMarkdown(c))
	}
	p.show(w, http.StatusOK, "issue.html", map[string]any{
		"Issue": issue, "Able": able, "Statuses": statuses, "Description": p.render.fromMarkdown(issue.Description),
		"Comments": comments, "Link": webLink(issue.Link),
	})
}

// changeIssue does what a form of the issue's page asks for.
func (p *pages) changeIssue(w http.ResponseWriter, r *http.Request) {
	issue, found := p.tracker.Issue(r.Context(), r.PathValue("id"))
	changer, able := p.tracker.(Changer)
	if !found || !able {
		p.notFound(w, "The tracker has no such issue, or its issues cannot be changed.")
		return
	}
	next := Prefix + "/tracker/issues/" + url.PathEscape(issue.ID)
	value := r.FormValue("value")
	var err error
	switch r.PathValue("change") {
	case "status":
		err = changer.SetStatus(r.Context(), issue.ID, value)
	case "title":
		err = changer.Rename(r.Context(), issue.ID, value)
	case "project":
		err = changer.Move(r.Context(), issue.ID, value)
	case "trashed":
		err = changer.SetTrashed(r.Context(), issue.ID, value == "true")
	case "hidden":
		err = changer.SetHidden(r.Context(), issue.ID, value == "true")
	case "deletion":
		err, next = changer.Delete(r.Context(), issue.ID), Prefix+"/tracker"
	default:
		p.notFound(w, "There is no such change.")
		return
	}
	if err != nil {
		p.show(w, http.StatusConflict, "message.html", struct{ Title, Text string }{"Not changed", "The tracker did not change the issue: " + err.Error() + "."})
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// webLink returns an address that may be linked to, or "".
func webLink(s string) string {
	if u, err := url.Parse(s); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return s
	}
	return ""
}
