package linearfake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/linear"
	"pushbutton/internal/targets/targettest"
)

// Harness runs the conformance suite over the fake.
func Harness() targettest.Harness { return HarnessOf(Mine) }

// HarnessOf is Harness with one of acme's credentials.
func HarnessOf(key string) targettest.Harness {
	return targettest.Harness{
		Kind:    linear.Kind(),
		Creates: func(r *http.Request) bool { return strings.Contains(peek(r), "issueCreate") },
		Reads:   func(r *http.Request) bool { return strings.Contains(peek(r), `"query":"query `) },
		Start: func(t *testing.T) targettest.Server {
			s := New(t)
			return targettest.Server{
				URL: s.URL, Mine: Account(key, "ENG"), Other: Account(Other, "GLO"),
				WrongProject: Account(key, "GLO").Settings,
				Issues:       func(_ *testing.T, marker targets.Marker) []targettest.StoredIssue { return s.stored(marker) },
				Fates: targettest.Fates{
					Delete:      func(_ *testing.T, id string) { s.Delete(id) },
					Trash:       func(_ *testing.T, id string) { s.Change(id, func(i *Issue) { i.Trashed = true }) },
					Move:        func(_ *testing.T, id string) { s.Move(id, TeamOps) },
					EndToken:    func(*testing.T) { s.Revoke(key) },
					LoseProject: func(*testing.T) { s.Hide(TeamEng) },
					Never: map[string]string{
						"Hide":          "Linear hides an issue with its team",
						"DisableIssues": "a Linear team always has issues",
					},
				},
			}
		},
	}
}

// Delete deletes an issue for good, as Linear does with the trash after a
// while.
func (s *Server) Delete(id string) {
	s.locked(func() { s.issues = slices.DeleteFunc(s.issues, func(i *Issue) bool { return i.ID == id }) })
}

// Move moves an issue to another team, whose next number it gets. It keeps its
// id, and answers to its earlier identifiers.
func (s *Server) Move(id, to string) {
	s.Change(id, func(i *Issue) {
		t := s.team(to)
		i.Previous = append(slices.Clone(i.Previous), i.Key)
		i.Team, i.Key, i.State = to, t.key+"-"+strconv.Itoa(s.next(t)), t.states[0]["id"].(string)
	})
}

// next is the number of a team's next issue.
func (s *Server) next(t *team) int {
	n := 1
	for _, i := range s.issues {
		if i.Team == t.id {
			n++
		}
	}
	return n
}

// RemoveLabel deletes a label of ENG.
func (s *Server) RemoveLabel(name string) {
	s.locked(func() {
		t := s.team(TeamEng)
		t.labels = slices.DeleteFunc(t.labels, func(l map[string]any) bool { return l["name"] == name })
	})
}

// RemoveUser deletes an account.
func (s *Server) RemoveUser(email string) {
	s.locked(func() {
		s.users = slices.DeleteFunc(s.users, func(u map[string]any) bool { return u["email"] == email })
	})
}

// RefuseLabels makes Linear refuse every label that it lists.
func (s *Server) RefuseLabels() { s.locked(func() { s.refuseLabels = true }) }

// LimitKey lets a credential see one team alone, as a personal API key can be
// limited.
func (s *Server) LimitKey(key, team string) {
	s.locked(func() {
		who := s.accounts[key]
		who.only = team
		s.accounts[key] = who
	})
}
