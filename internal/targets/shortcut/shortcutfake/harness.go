package shortcutfake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/shortcut"
	"pushbutton/internal/targets/targettest"
)

// Account makes settings; more is name, value, name, value...
func Account(token string, more ...any) targettest.Account {
	return targettest.Account{
		Credentials: map[string]secret.String{"token": secret.New(token)},
		Settings: func(url string) map[string]any {
			return targettest.With(map[string]any{"url": url}, more...)
		},
	}
}

// Creates reports whether a request creates a story.
func Creates(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path == "/api/v3/stories"
}

// Harness is the conformance suite's set-up.
func Harness() targettest.Harness {
	return targettest.Harness{
		Kind: shortcut.Kind(), Creates: Creates,
		Start: func(t *testing.T) targettest.Server {
			s := New(t)
			return targettest.Server{
				URL: s.URL, Mine: Account(Token), Other: Account(OtherToken),
				WrongProject: Account(Token, "workflow", "Nowhere").Settings,
				Issues:       s.stored,
				Fates: targettest.Fates{
					Delete: func(t *testing.T, id string) { s.Delete(number(t, id)) },
					Trash:  func(t *testing.T, id string) { s.Change(number(t, id), func(story *Story) { story.Archived = true }) },
					EndToken: func(*testing.T) {
						s.mu.Lock()
						defer s.mu.Unlock()
						s.Ended = true
					},
					Never: map[string]string{"Move": "a story keeps its id and address in every team and workflow", "Hide": "a token sees the stories of its whole workspace",
						"LoseProject": "a token is for one workspace; a member who leaves it loses the token", "DisableIssues": "a workspace is made of stories"},
				},
				SetLag: func(*testing.T) {
					s.mu.Lock()
					defer s.mu.Unlock()
					s.Lag = 4 // a look-up asks twice
				},
			}
		},
	}
}

// stored lists what Mine's workspace holds.
func (s *Server) stored(_ *testing.T, marker targets.Marker) []targettest.StoredIssue {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []targettest.StoredIssue
	for _, story := range s.stories {
		if story == nil || story.Workspace != "mine" {
			continue
		}
		linked := slices.ContainsFunc(story.Links, func(l string) bool { return strings.HasSuffix(l, "="+string(marker)) })
		if marker == "" || story.ExternalID == string(marker) && linked {
			out = append(out, targettest.StoredIssue{ID: strconv.Itoa(story.ID), Title: story.Name, Text: story.Description})
		}
	}
	return out
}

func number(t *testing.T, id string) int {
	t.Helper()
	n, err := strconv.Atoi(id)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
