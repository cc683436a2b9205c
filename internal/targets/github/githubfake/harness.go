package githubfake

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/github"
	"pushbutton/internal/targets/targettest"
)

// The tokens of the harness's two accounts.
const (
	MineToken  = "github_pat_mine00000000000000000000cafe" //nolint:gosec // it opens a fake
	OtherToken = "github_pat_other0000000000000000000cafe" //nolint:gosec // it opens a fake
)

// Creates reports whether a request creates an issue.
func Creates(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/issues")
}

// Harness runs the suite with personal access tokens.
func Harness() targettest.Harness {
	return harness(Standard, WithToken("acme/app", MineToken), WithToken("acme/secret", OtherToken), (*Fake).fates)
}

// AppHarness runs the suite with a GitHub App.
func AppHarness(t *testing.T) targettest.Harness {
	t.Helper()
	key, wrong := NewKey(t), NewKey(t)
	start := func(t *testing.T) *Fake {
		f := Standard(t)
		f.Install(key, "acme/app", "acme/secret")
		return f
	}
	h := harness(start, WithApp("acme/app", key), WithApp("acme/secret", key), func(f *Fake) targettest.Fates { return f.appFates(&wrong.PublicKey) })
	h.Wrong = map[string]secret.String{"privateKey": PEM(wrong)}
	return h
}

func harness(start func(*testing.T) *Fake, mine, other targettest.Account, fates func(*Fake) targettest.Fates) targettest.Harness {
	return targettest.Harness{
		Kind: github.Kind(), Creates: Creates,
		KindsRetryAfter: map[int]fault.Kind{http.StatusForbidden: fault.RateLimited},
		Start: func(t *testing.T) targettest.Server {
			f := start(t)
			return targettest.Server{URL: f.URL, Mine: mine, Other: other,
				WrongProject: func(url string) map[string]any {
					s := mine.Settings(url)
					s["repository"] = "acme/nothing"
					return s
				},
				Issues: func(_ *testing.T, marker targets.Marker) []targettest.StoredIssue {
					f.Lock()
					defer f.Unlock()
					var out []targettest.StoredIssue
					for _, i := range f.Repositories["acme/app"].Own() {
						if strings.Contains(i.Body, string(marker)) {
							out = append(out, targettest.StoredIssue{ID: strconv.Itoa(i.Number), Title: i.Title, Text: i.Body})
						}
					}
					return out
				},
				SetPublic: func(*testing.T) { f.Lock(); defer f.Unlock(); f.Repositories["acme/app"].Public = true },
				// A look-up that finds nothing reads two lists.
				Fates:  fates(f),
				SetLag: func(*testing.T) { f.Lock(); defer f.Unlock(); f.Lag = 2 },
			}
		},
	}
}

// happen makes what befalls acme/app and its token.
func (f *Fake) happen(do func(mine *Account, app *Repository)) func(*testing.T) {
	return func(*testing.T) {
		f.Lock()
		defer f.Unlock()
		do(f.Tokens[MineToken], f.Repositories["acme/app"])
	}
}

func (f *Fake) fates() targettest.Fates {
	transfer := func(role string) func(*testing.T, string) {
		return func(t *testing.T, id string) {
			f.happen(func(mine *Account, _ *Repository) {
				f.Add("acme/product")
				mine.Repos["acme/product"] = role
				f.Transfer("acme/app", atoi(id), "acme/product")
			})(t)
		}
	}
	return targettest.Fates{
		Delete: func(t *testing.T, id string) {
			f.happen(func(_ *Account, app *Repository) { app.Issues[atoi(id)-1].Deleted = true })(t)
		},
		Move: transfer("write"),
		// An issue is as visible as its repository, so it takes a transfer out of
		// the token's reach.
		Hide:          transfer(""),
		EndToken:      f.happen(func(*Account, *Repository) { delete(f.Tokens, MineToken) }),
		LoseProject:   f.happen(func(mine *Account, _ *Repository) { delete(mine.Repos, "acme/app") }),
		DisableIssues: f.happen(func(_ *Account, app *Repository) { app.NoIssues = true }),
		Never:         map[string]string{"Trash": "GitHub deletes issues for good"},
	}
}

// appFates are those of a GitHub App. wrong replaces its key.
func (f *Fake) appFates(wrong *rsa.PublicKey) targettest.Fates {
	out := f.fates()
	out.Move = nil
	out.Never["Move"] = "the plugin's installation token is good for one repository, so a transferred issue is out of its reach"
	out.EndToken = f.happen(func(*Account, *Repository) { f.App.Key = wrong; f.App.Revoke() })
	out.LoseProject = f.happen(func(*Account, *Repository) { f.App.Repos = []string{"acme/secret"} })
	return out
}

// Standard is a GitHub with two repositories, each with a token of its own.
func Standard(t *testing.T) *Fake {
	t.Helper()
	f := New(t)
	f.Add("acme/app")
	f.Add("acme/secret")
	f.Tokens[MineToken] = &Account{Login: "pusher", Hooks: HooksWrite, Repos: map[string]string{"acme/app": "write"}}
	f.Tokens[OtherToken] = &Account{Login: "other", Repos: map[string]string{"acme/secret": "write"}}
	return f
}

// Install makes a GitHub App of a key and installs it on repositories.
func (f *Fake) Install(key *rsa.PrivateKey, repos ...string) {
	f.App = &App{ID: "123456", Slug: "push-button", Key: &key.PublicKey, InstallationID: 777, Repos: repos, Events: []string{"issues"}, Life: 3600}
}

// WithToken is an account with a token; more is name, value, name, value...
func WithToken(repository, token string, more ...any) targettest.Account {
	return account(repository, map[string]secret.String{"token": secret.New(token)}, more...)
}

// WithApp is the App that Install makes.
func WithApp(repository string, key *rsa.PrivateKey, more ...any) targettest.Account {
	return account(repository, map[string]secret.String{"privateKey": PEM(key)}, append([]any{"appId", "123456", "installationId", 777}, more...)...)
}

func account(repository string, credentials map[string]secret.String, more ...any) targettest.Account {
	return targettest.Account{Credentials: credentials, Settings: func(url string) map[string]any {
		return targettest.With(map[string]any{"url": url, "repository": repository}, more...)
	}}
}

// NewKey makes an App's key, a short one to be quick.
func NewKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // it protects nothing
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// PEM writes a key as GitHub gives it for download.
func PEM(key *rsa.PrivateKey) secret.String {
	return secret.New(string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
}
