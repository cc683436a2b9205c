package azuredevopsfake

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/azuredevops"
	"pushbutton/internal/targets/targettest"
)

// Account makes settings; more is name, value, name, value...
func Account(pat, project string, more ...any) targettest.Account {
	return targettest.Account{
		Credentials: map[string]secret.String{"pat": secret.New(pat)},
		Settings: func(url string) map[string]any {
			return targettest.With(map[string]any{"url": url, "organization": Organization, "project": project}, more...)
		},
	}
}

// Creates reports whether a request creates a work item. A rehearsed one creates
// none.
func Creates(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/_apis/wit/workitems/$") && r.URL.Query().Get("validateOnly") != "true"
}

// Harness is the conformance suite's set-up.
func Harness() targettest.Harness {
	return targettest.Harness{
		Kind: azuredevops.Kind(), Creates: Creates,
		Start: func(t *testing.T) targettest.Server {
			s := New(t)
			return targettest.Server{
				URL: s.URL, Mine: Account(PAT, Project), Other: Account(OtherPAT, OtherProject),
				WrongProject: Account(PAT, "Nowhere").Settings,
				Issues:       s.stored,
				Fates:        s.fates(),
				SetTextLimit: func(_ *testing.T, most int) {
					s.mu.Lock()
					defer s.mu.Unlock()
					s.TextLimit = most
				},
				SetPublic: func(*testing.T) {
					s.mu.Lock()
					defer s.mu.Unlock()
					s.Public = true
				},
				SetLag: func(*testing.T) {
					s.mu.Lock()
					defer s.mu.Unlock()
					s.Lag = 2
				},
			}
		},
	}
}

func (s *Server) fates() targettest.Fates {
	set := func(change func(*Item)) func(*testing.T, string) {
		return func(t *testing.T, id string) {
			t.Helper()
			n, err := strconv.Atoi(id)
			if err != nil {
				t.Fatal(err)
			}
			s.Change(n, change)
		}
	}
	account := func(change func()) func(*testing.T) {
		return func(*testing.T) {
			s.mu.Lock()
			defer s.mu.Unlock()
			change()
		}
	}
	mine := "Basic " + base64.StdEncoding.EncodeToString([]byte(":"+PAT))
	return targettest.Fates{
		Trash:       set(func(i *Item) { i.Trashed = true }),
		Move:        set(func(i *Item) { i.Project, i.Fields["System.TeamProject"] = Moved, Moved }),
		Hide:        set(func(i *Item) { i.Secret = true }),
		EndToken:    account(func() { delete(s.accounts, mine) }),
		LoseProject: account(func() { s.accounts[mine] = "Nothing" }),
		Never: map[string]string{"Delete": "a destroyed work item is told like a hidden one, and what people delete lies in the recycle bin",
			"DisableIssues": "Boards that are switched off for a project still answer the API"},
	}
}

// stored lists what Mine's project holds.
func (s *Server) stored(_ *testing.T, marker targets.Marker) []targettest.StoredIssue {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []targettest.StoredIssue
	for _, i := range s.items {
		if i.Trashed || i.Project != Project {
			continue
		}
		tags, _ := i.Fields["System.Tags"].(string)
		if marker == "" || strings.Contains("; "+tags+";", "; "+string(marker)+";") {
			title, _ := i.Fields["System.Title"].(string)
			text, _ := i.Fields["System.Description"].(string)
			out = append(out, targettest.StoredIssue{ID: strconv.Itoa(i.ID), Title: title, Text: text})
		}
	}
	return out
}
