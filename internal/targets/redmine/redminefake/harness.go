package redminefake

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/redmine"
	"pushbutton/internal/targets/targettest"
)

// Root is the path that the harness's server is under.
const Root = "/redmine"

// Creates reports whether a request creates an issue.
func Creates(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/issues.json")
}

// Harness runs the suite.
func Harness() targettest.Harness {
	return targettest.Harness{
		Kind: redmine.Kind(), Creates: Creates,
		Start: func(t *testing.T) targettest.Server {
			f := Standard(t, Root)
			return targettest.Server{
				URL:  strings.TrimSuffix(f.URL, Root),
				Mine: under(WithKey(MineKey, "mine", "tracker", "Feature")), Other: under(WithKey(OtherKey, "other")),
				WrongProject: under(WithKey(MineKey, "nowhere")).Settings,
				Issues:       f.stored,
				Fates:        f.fates(),
				SetPublic:    func(*testing.T) { f.Lock(); defer f.Unlock(); f.Projects["mine"].Public = true },
			}
		},
	}
}

// stored lists the issues of the project "mine" with a marker, or all.
func (f *Fake) stored(_ *testing.T, marker targets.Marker) []targettest.StoredIssue {
	f.Lock()
	defer f.Unlock()
	var out []targettest.StoredIssue
	for _, i := range f.Issues {
		if i.Project == "mine" && (marker == "" || i.Fields[7] == any(string(marker))) {
			out = append(out, targettest.StoredIssue{ID: strconv.Itoa(i.ID), Title: i.Subject, Text: strings.ReplaceAll(i.Text, "\r\n", "\n")})
		}
	}
	return out
}

func (f *Fake) fates() targettest.Fates {
	happen := func(do func()) func(*testing.T) {
		return func(*testing.T) {
			f.Lock()
			defer f.Unlock()
			do()
		}
	}
	issue := func(do func(*Issue)) func(*testing.T, string) {
		return func(t *testing.T, id string) {
			happen(func() {
				number, _ := strconv.Atoi(id)
				do(f.Issues[number-1])
			})(t)
		}
	}
	return targettest.Fates{
		Delete:        issue(func(i *Issue) { i.Deleted = true }),
		Hide:          issue(func(i *Issue) { i.Private = true }),
		EndToken:      happen(func() { delete(f.Users, MineKey) }),
		LoseProject:   happen(func() { f.Users[MineKey].Member = nil }),
		DisableIssues: happen(func() { f.Projects["mine"].NoIssues = true }),
		Never: map[string]string{
			"Trash": "Redmine deletes issues for good",
			"Move":  "an issue keeps its number and its address in every project",
		},
		Wordless: true,
	}
}

func under(a targettest.Account) targettest.Account {
	settings := a.Settings
	a.Settings = func(url string) map[string]any { return settings(url + Root) }
	return a
}

// WithKey is an account with an API key, and the marker in Standard's custom
// field 7; more is name, value, name, value...
func WithKey(key, project string, more ...any) targettest.Account {
	return targettest.Account{Credentials: map[string]secret.String{"apiKey": secret.New(key)}, Settings: func(url string) map[string]any {
		return targettest.With(map[string]any{"url": url, "project": project, "markerField": "7"}, more...)
	}}
}
