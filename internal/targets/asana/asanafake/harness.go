package asanafake

import (
	"net/http"
	"strings"
	"testing"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/asana"
	"pushbutton/internal/targets/targettest"
)

// Account makes settings; more is name, value, name, value...
func Account(token, project string, more ...any) targettest.Account {
	return accountWith("token", token, project, more)
}

// App is Account with the token of an OAuth app.
func App(token, project string, more ...any) targettest.Account {
	return accountWith("oauthToken", token, project, more)
}

func accountWith(credential, token, project string, more []any) targettest.Account {
	return targettest.Account{
		Credentials: map[string]secret.String{credential: secret.New(token)},
		Settings: func(url string) map[string]any {
			return targettest.With(map[string]any{"url": url, "project": project}, more...)
		},
	}
}

// Creates reports whether a request creates a task.
func Creates(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path == "/api/1.0/tasks"
}

// Harness is the conformance suite's set-up with personal access tokens.
func Harness() targettest.Harness {
	return harness(Account(Token, Project), Account(OtherToken, OtherProject), Account(Token, "1200000000000099"))
}

// AppHarness is the same with tokens of an OAuth app.
func AppHarness() targettest.Harness {
	return harness(App(OAuthToken, Project), App(OtherOAuth, OtherProject), App(OAuthToken, "1200000000000099"))
}

func harness(mine, other, wrong targettest.Account) targettest.Harness {
	return targettest.Harness{
		Kind: asana.Kind(), Creates: Creates,
		Start: func(t *testing.T) targettest.Server {
			s := New(t)
			return targettest.Server{URL: s.URL, Mine: mine, Other: other, WrongProject: wrong.Settings, Issues: s.stored, Fates: s.fates()}
		},
	}
}

func (s *Server) fates() targettest.Fates {
	locked := func(change func()) {
		s.mu.Lock()
		defer s.mu.Unlock()
		change()
	}
	set := func(change func(*Task)) func(*testing.T, string) {
		return func(t *testing.T, id string) {
			t.Helper()
			locked(func() {
				for _, task := range s.tasks {
					if task.GID == id {
						change(task)
						return
					}
				}
				t.Errorf("there is no task %s", id)
			})
		}
	}
	return targettest.Fates{
		Delete: set(func(task *Task) { task.Deleted = true }),
		Hide:   set(func(task *Task) { task.Project = "private" }),
		EndToken: func(*testing.T) {
			locked(func() {
				delete(s.accounts, "Bearer "+Token)
				delete(s.accounts, "Bearer "+OAuthToken)
			})
		},
		LoseProject: func(*testing.T) {
			locked(func() {
				for _, bearer := range []string{"Bearer " + Token, "Bearer " + OAuthToken} {
					a := s.accounts[bearer]
					a.projects = nil
					s.accounts[bearer] = a
				}
			})
		},
		Never: map[string]string{"Trash": "a deleted task is told as one that never was", "Move": "a task keeps its id in every project, and its address leads there",
			"DisableIssues": "a project is made of tasks"},
	}
}

// stored lists what Mine's project holds.
func (s *Server) stored(_ *testing.T, marker targets.Marker) []targettest.StoredIssue {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []targettest.StoredIssue
	for _, task := range s.tasks {
		if task.Project != Project || task.Deleted {
			continue
		}
		if marker == "" || hasLine(task.Notes, "Reference: "+string(marker)) {
			out = append(out, targettest.StoredIssue{ID: task.GID, Title: task.Name, Text: task.HTML})
		}
	}
	return out
}

func hasLine(text, line string) bool {
	for l := range strings.SplitSeq(text, "\n") {
		if strings.TrimSpace(l) == line {
			return true
		}
	}
	return false
}
