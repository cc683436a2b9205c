package gitlabfake

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/gitlab"
	"pushbutton/internal/targets/targettest"
)

// Harness runs the conformance suite over the fake.
func Harness() targettest.Harness { return HarnessOf(Mine) }

// HarnessOf is Harness with one of the tokens of acme/mine.
func HarnessOf(token string) targettest.Harness {
	return targettest.Harness{
		Kind: gitlab.Kind(),
		Creates: func(r *http.Request) bool {
			return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/issues")
		},
		Start: func(t *testing.T) targettest.Server {
			s := New(t)
			return targettest.Server{
				URL:  s.Root(),
				Mine: Account(token, "acme/mine"), Other: Account(Other, "globex/other"),
				WrongProject: Account(token, "acme/nowhere").Settings,
				Issues: func(_ *testing.T, marker targets.Marker) []targettest.StoredIssue {
					return s.stored("acme/mine", marker)
				},
				SetLag:       func(*testing.T) { s.Lag(4) },
				SetTextLimit: func(_ *testing.T, most int) { s.locked(func() { s.textLimit = most }) },
				References:   References,
				SetPublic:    func(*testing.T) { s.locked(func() { s.projects[0].public = true }) },
				Fates:        s.fates(token),
			}
		},
	}
}

// References finds the names and numbers in a title, which GitLab reads as it
// does the description: it notifies people and writes a note into each issue.
func References(title string) []string {
	return regexp.MustCompile(`\B@\w+|[#!&%~$]\d+|[~%]["\pL]|\bGL-\d+|\[[a-z_]+:\d+`).FindAllString(title, -1)
}

func (s *Server) fates(token string) targettest.Fates {
	return targettest.Fates{
		Delete:        func(t *testing.T, id string) { s.Delete(number(t, id)) },
		Move:          func(t *testing.T, id string) { s.Move(number(t, id), s.AddProject("acme/next", token)) },
		Hide:          func(t *testing.T, id string) { s.Conceal(number(t, id), token) },
		EndToken:      func(*testing.T) { s.Revoke(token) },
		LoseProject:   func(*testing.T) { s.Demote(token, 0) },
		DisableIssues: func(*testing.T) { s.DisableIssues() },
		Never:         map[string]string{"Trash": "GitLab deletes an issue for good"},
	}
}

func number(t *testing.T, id string) int {
	t.Helper()
	n, err := strconv.Atoi(id)
	if err != nil {
		t.Fatalf("%q is no number of an issue", id)
	}
	return n
}

// AddProject makes a project whose reporters are the accounts of these tokens,
// and returns its number.
func (s *Server) AddProject(path string, tokens ...string) int {
	made := &project{path: path, issues: "enabled", group: 7, levels: map[int]int{}, epics: map[int]int{}}
	s.locked(func() {
		made.id = 100 + len(s.projects)
		for _, token := range tokens {
			made.levels[s.users[token].id] = 20
		}
		s.projects = append(s.projects, made)
	})
	return made.id
}

// Delete deletes an issue of acme/mine for good.
func (s *Server) Delete(iid int) {
	s.locked(func() {
		s.issues = slices.DeleteFunc(s.issues, func(i *Issue) bool { return i.Project == 11 && i.IID == iid })
	})
}

// Move moves an issue of acme/mine to another project.
func (s *Server) Move(iid, project int) { s.MoveFrom("acme/mine", iid, project) }

// MoveFrom moves an issue as GitLab does: a copy lies in the other project, and
// a closed stub with its address stays.
func (s *Server) MoveFrom(path string, iid, project int) {
	s.locked(func() {
		i := s.find(s.project(path).id, iid)
		copied := *i
		copied.Project, copied.IID, copied.Milestone, copied.Assignees = project, 1, 0, nil
		for _, other := range s.issues {
			if other.Project == project {
				copied.IID = max(copied.IID, other.IID+1)
			}
		}
		s.issues = append(s.issues, &copied)
		i.State, i.MovedTo = "closed", copied.id()
	})
}

// Replace deletes a project and makes one with the same path and members. It
// returns the new one's number.
func (s *Server) Replace(path string) int {
	var id int
	s.locked(func() {
		p := s.project(path)
		id = 100 + len(s.projects)
		p.id = id
	})
	return id
}

// Conceal makes an issue of acme/mine confidential and somebody else's, and
// the token's account a guest, who is not shown such issues.
func (s *Server) Conceal(iid int, token string) {
	s.Change(iid, func(i *Issue) { i.Confidential, i.Author = true, 0 })
	s.Demote(token, levelGuest)
}

// DisableIssues switches issues off in acme/mine.
func (s *Server) DisableIssues() { s.locked(func() { s.projects[0].issues = "disabled" }) }

// Archive archives acme/mine.
func (s *Server) Archive() { s.locked(func() { s.projects[0].archived = true }) }

// CloseEpic takes an epic away from acme/mine's group.
func (s *Server) CloseEpic(iid int) { s.locked(func() { delete(s.projects[0].epics, iid) }) }

// RefuseEpics makes GitLab save an issue and then refuse its epic.
func (s *Server) RefuseEpics() { s.locked(func() { s.refuseEpics = true }) }
