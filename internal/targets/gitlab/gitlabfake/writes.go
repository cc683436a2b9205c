package gitlabfake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// issueInput is what GitLab's schema lists for a create and an update, as far
// as the fake takes it.
type issueInput struct {
	Title        *string  `json:"title"`
	Description  *string  `json:"description"`
	Labels       []string `json:"labels"`
	AddLabels    []string `json:"add_labels"`
	AssigneeIDs  []int    `json:"assignee_ids"`
	IssueType    *string  `json:"issue_type"`
	Confidential bool     `json:"confidential"`
	DueDate      *string  `json:"due_date"`
	Weight       *int     `json:"weight"`
	MilestoneID  int      `json:"milestone_id"`
	Severity     *string  `json:"severity"`
	EpicID       int      `json:"epic_id"`
	StateEvent   *string  `json:"state_event"`
}

func (s *Server) postIssue(w http.ResponseWriter, r *http.Request, u *user, p *project) {
	var in issueInput
	raw, ok := s.body(w, r, &in)
	if !ok {
		return
	}
	s.bodies = append(s.bodies, string(raw))
	if p.archived || p.issues == "disabled" || p.levels[u.id] == 0 && !p.public {
		say(w, 403, "Forbidden")
		return
	}
	if in.Title == nil {
		send(w, 400, map[string]any{"error": "title is missing"})
		return
	}
	if in.StateEvent != nil || in.AddLabels != nil {
		s.t.Error("GitLab ignores state_event and add_labels in a create")
	}
	if in.EpicID != 0 && !slices.Contains(slices.Collect(maps.Values(p.epics)), in.EpicID) {
		say(w, 404, "Not found") // the epic, before anything is made
		return
	}
	made := &Issue{Project: p.id, IID: 1, State: "opened", Type: "issue", Labels: []string{}, Author: u.id, hidden: s.lag}
	for _, i := range s.issues {
		if i.Project == p.id {
			made.IID = max(made.IID, i.IID+1)
		}
	}
	if in.IssueType != nil {
		made.Type = *in.IssueType
	}
	made.Confidential = in.Confidential
	if s.apply(w, made, in, u, p) {
		s.label(made, in.Labels, u, p)
		s.issues = append(s.issues, made)
		if in.EpicID != 0 && s.refuseEpics {
			send(w, 422, map[string]any{"message": "No matching epic found. Make sure that you are adding a valid epic URL."})
			return
		}
		send(w, 201, s.showIssue(made))
	}
}

func (s *Server) putIssue(w http.ResponseWriter, r *http.Request, u *user, p *project) {
	var in issueInput
	i := s.issue(w, r, p)
	if i == nil {
		return
	}
	if _, ok := s.body(w, r, &in); !ok {
		return
	}
	if p.levels[u.id] < levelPlanner || p.archived || p.issues == "disabled" {
		say(w, 403, "Forbidden")
		return
	}
	s.alive(i)
	if in.Labels != nil {
		s.t.Error("labels in an update takes away what people added")
	}
	changed := *i
	if in.StateEvent != nil {
		switch *in.StateEvent {
		case "close":
			changed.State = "closed"
		case "reopen":
			changed.State = "opened"
		default:
			send(w, 400, map[string]any{"error": "state_event does not have a valid value"})
			return
		}
	}
	if s.apply(w, &changed, in, u, p) {
		s.label(&changed, in.AddLabels, u, p)
		*i = changed
		send(w, 200, s.showIssue(i))
	}
}

// apply writes what a create and an update share, and refuses what GitLab does.
func (s *Server) apply(w http.ResponseWriter, i *Issue, in issueInput, _ *user, p *project) bool {
	wrong := map[string]any{}
	if in.Title != nil {
		i.Title = *in.Title
	}
	if in.Description != nil {
		i.Description = *in.Description
	}
	if strings.TrimSpace(i.Title) == "" {
		wrong["title"] = []string{"can't be blank"}
	}
	if utf8.RuneCountInString(i.Title) > 255 {
		wrong["title"] = []string{"is too long (maximum is 255 characters)"}
	}
	if s.textLimit > 0 && utf8.RuneCountInString(i.Description) > s.textLimit {
		wrong["description"] = []string{fmt.Sprintf("is too long (maximum is %d characters)", s.textLimit)}
	}
	if len(i.Description) > 1<<20 {
		wrong["description"] = []string{"is too long (maximum is 1 MiB)"}
	}
	if i.Title == "[spam]" {
		send(w, 400, map[string]any{"message": map[string]any{"error": "Your issue has been recognized as spam and has been discarded."}})
		return false
	}
	if !slices.Contains([]string{"issue", "incident", "test_case", "requirement", "task", "ticket"}, i.Type) {
		send(w, 400, map[string]any{"error": "issue_type does not have a valid value"})
		return false
	}
	if in.DueDate != nil {
		if _, err := time.Parse(time.DateOnly, *in.DueDate); err != nil {
			s.t.Errorf("GitLab ignores due_date %q", *in.DueDate)
		}
		i.Due = *in.DueDate
	}
	if in.Severity != nil && i.Type != "incident" {
		s.t.Error("GitLab ignores the severity of what is no incident")
	}
	if in.Weight != nil {
		if *in.Weight < 0 {
			wrong["weight"] = []string{"must be greater than or equal to 0"}
		}
		if s.premium {
			i.Weight = in.Weight
		}
	}
	if in.MilestoneID != 0 {
		if !slices.ContainsFunc(p.milestones, func(m map[string]any) bool { return m["id"] == in.MilestoneID }) {
			s.t.Errorf("GitLab ignores the unknown milestone %d", in.MilestoneID)
		}
		i.Milestone = in.MilestoneID
	}
	if in.EpicID != 0 {
		i.Epic = in.EpicID
	}
	for _, id := range in.AssigneeIDs {
		if p.levels[id] == 0 {
			s.t.Errorf("GitLab ignores the assignee %d, who is no member", id)
		}
		i.Assignees = append(i.Assignees, id)
	}
	if len(wrong) > 0 {
		send(w, 400, map[string]any{"message": wrong})
		return false
	}
	return true
}

// label adds labels. One that the project does not have is made only for
// those who may; others' are dropped without a word.
func (s *Server) label(i *Issue, names []string, u *user, p *project) {
	for _, l := range names {
		if strings.Contains(l, ",") || l == "" || len(l) > 255 {
			s.t.Errorf("GitLab drops the label %q", l)
			continue
		}
		if !slices.Contains(s.labels[p.id], l) {
			if p.levels[u.id] < levelPlanner {
				continue
			}
			s.labels[p.id] = append(s.labels[p.id], l)
		}
		if !slices.Contains(i.Labels, l) {
			i.Labels = append(slices.Clone(i.Labels), l)
		}
	}
}

// alive fails the test on a change of what a move left behind: GitLab takes
// it, and nobody sees it.
func (s *Server) alive(i *Issue) {
	if i.MovedTo > 0 {
		s.t.Errorf("issue #%d was moved; GitLab changes the closed stub", i.IID)
	}
}

func (s *Server) postNote(w http.ResponseWriter, r *http.Request, u *user, p *project) {
	var in struct {
		Body string `json:"body"`
	}
	iid, _ := strconv.Atoi(r.PathValue("iid"))
	i := s.find(p.id, iid)
	if i == nil || !p.shows(i, u) {
		say(w, 404, "Issue Not Found")
		return
	}
	s.alive(i)
	if p.archived {
		say(w, 403, "Forbidden")
		return
	}
	if _, ok := s.body(w, r, &in); !ok {
		return
	}
	if strings.TrimSpace(in.Body) == "" {
		send(w, 400, map[string]any{"error": "body is missing"})
		return
	}
	i.Notes = append(i.Notes, in.Body)
	send(w, 201, map[string]any{"id": 70 + len(i.Notes), "body": in.Body, "system": false})
}

// body reads strictly: what GitLab would silently ignore fails the test.
func (s *Server) body(w http.ResponseWriter, r *http.Request, out any) ([]byte, bool) {
	raw, err := io.ReadAll(r.Body)
	if got := r.Header.Get("Content-Type"); got != "application/json" {
		s.t.Errorf("GitLab does not read a body of type %q as JSON", got)
	}
	if err != nil || !json.Valid(raw) {
		send(w, 400, map[string]any{"message": "400 Bad request - message body does not match declared format"})
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(out); err != nil {
		s.t.Errorf("GitLab would ignore a part of the body: %v", err)
		send(w, 400, map[string]any{"message": "400 Bad request"})
		return nil, false
	}
	return raw, true
}
