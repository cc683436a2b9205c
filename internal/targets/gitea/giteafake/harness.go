package giteafake

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/gitea"
	"pushbutton/internal/targets/targettest"
)

// The tokens of the harness's two accounts.
const (
	MineToken  = "a1000000000000000000000000000000000000cafe"
	OtherToken = "a2000000000000000000000000000000000000cafe"
)

// Root is the path that Standard's server is under.
const Root = "/git"

// Creates reports whether a request creates an issue.
func Creates(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/issues")
}

// Harness runs the suite.
func Harness() targettest.Harness {
	return targettest.Harness{
		Kind: gitea.Kind(), Creates: Creates,
		Start: func(t *testing.T) targettest.Server {
			f := Standard(t)
			return targettest.Server{URL: strings.TrimSuffix(f.URL, Root),
				Mine: under(WithToken("acme/app", MineToken)), Other: under(WithToken("acme/secret", OtherToken)),
				WrongProject: func(url string) map[string]any { return WithToken("acme/nothing", MineToken).Settings(url + Root) },
				Issues: func(_ *testing.T, marker targets.Marker) []targettest.StoredIssue {
					f.Lock()
					defer f.Unlock()
					var out []targettest.StoredIssue
					for _, i := range f.Repositories["acme/app"].Issues {
						if strings.Contains(i.Body, string(marker)) {
							out = append(out, targettest.StoredIssue{ID: strconv.Itoa(i.Number), Title: i.Title, Text: i.Body})
						}
					}
					return out
				},
				References: References,
				SetPublic:  func(*testing.T) { f.Lock(); defer f.Unlock(); f.Repositories["acme/app"].Public = true },
				Fates:      f.fates(),
			}
		},
	}
}

// References finds what Gitea makes a link of in a title. It writes a reference
// into each of those issues.
func References(title string) []string {
	return regexp.MustCompile(`[#!]\d+`).FindAllString(title, -1)
}

func (f *Fake) fates() targettest.Fates {
	// happen makes what befalls an account and its repository.
	happen := func(do func(u *User, r *Repository)) func(*testing.T) {
		return func(*testing.T) {
			f.Lock()
			defer f.Unlock()
			do(f.Users[MineToken], f.Repositories["acme/app"])
		}
	}
	return targettest.Fates{
		Delete: func(t *testing.T, id string) {
			happen(func(_ *User, r *Repository) { r.Issues[atoi(id)-1].Deleted = true })(t)
		},
		Move: func(t *testing.T, _ string) {
			happen(func(*User, *Repository) { f.Rename("acme/app", "acme/product") })(t)
		},
		Hide:          func(t *testing.T, _ string) { happen(func(u *User, _ *Repository) { u.Repos["acme/app"] = "code" })(t) },
		EndToken:      happen(func(*User, *Repository) { delete(f.Users, MineToken) }),
		LoseProject:   happen(func(u *User, _ *Repository) { delete(u.Repos, "acme/app") }),
		DisableIssues: happen(func(_ *User, r *Repository) { r.NoIssues = true }),
		Never:         map[string]string{"Trash": "Gitea deletes issues for good"},
	}
}

// Standard is a Gitea with two repositories, each with an account of its own.
func Standard(t *testing.T) *Fake {
	t.Helper()
	f := New(t, Root)
	f.Add("acme/app")
	f.Add("acme/secret")
	f.Users[MineToken] = &User{Login: "pusher", Repos: map[string]string{"acme/app": "write"}}
	f.Users[OtherToken] = &User{Login: "other", Repos: map[string]string{"acme/secret": "write"}}
	return f
}

func under(a targettest.Account) targettest.Account {
	settings := a.Settings
	a.Settings = func(url string) map[string]any { return settings(url + Root) }
	return a
}

// WithToken is an account with a token; more is name, value, name, value...
func WithToken(repository, token string, more ...any) targettest.Account {
	return targettest.Account{Credentials: map[string]secret.String{"token": secret.New(token)}, Settings: func(url string) map[string]any {
		return targettest.With(map[string]any{"url": url, "repository": repository}, more...)
	}}
}
