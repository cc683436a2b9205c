package jirafake

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/jira"
	"pushbutton/internal/targets/targettest"
)

// Site is what people open where the API is reached through the gateway, and
// CloudID the id of that site.
const (
	Site    = "https://example.atlassian.net"
	CloudID = "11223344-a1b2-3b33-c444-def123456789"
)

// Harness runs the suite against Jira Cloud with an API token.
func Harness() targettest.Harness {
	return harness(Options{}, func(url string) map[string]any { return map[string]any{"url": url} }, Cloud)
}

// GatewayHarness runs it against Jira Cloud with an OAuth access token.
func GatewayHarness() targettest.Harness {
	settings := func(url string) map[string]any {
		return map[string]any{"url": Site, "gatewayUrl": url, "cloudId": CloudID}
	}
	return harness(Options{CloudID: CloudID}, settings, OAuth)
}

// DataCenterHarness runs it against Jira Data Center under a path.
func DataCenterHarness() targettest.Harness {
	const base = "/jira"
	settings := func(url string) map[string]any {
		return map[string]any{"url": url + base, "edition": "datacenter"}
	}
	return harness(Options{DataCenter: true, Base: base}, settings, PAT)
}

// Login is a way to sign in: settings that go with it, and credentials.
type Login func(mine bool) (settings map[string]any, credentials map[string]secret.String)

// Cloud signs in with an e-mail address and an API token.
func Cloud(mine bool) (map[string]any, map[string]secret.String) {
	email, token := MineEmail, MineToken
	if !mine {
		email, token = OtherEmail, OtherToken
	}
	return map[string]any{"email": email}, map[string]secret.String{"apiToken": secret.New(token)}
}

// OAuth signs in with an access token.
func OAuth(mine bool) (map[string]any, map[string]secret.String) {
	token := MineAccess
	if !mine {
		token = OtherAccess
	}
	return nil, map[string]secret.String{"accessToken": secret.New(token)}
}

// PAT signs in with a personal access token.
func PAT(mine bool) (map[string]any, map[string]secret.String) {
	token := MinePAT
	if !mine {
		token = OtherPAT
	}
	return nil, map[string]secret.String{"personalAccessToken": secret.New(token)}
}

func harness(o Options, where func(url string) map[string]any, login Login) targettest.Harness {
	account := func(mine bool, project string) targettest.Account {
		more, credentials := login(mine)
		return targettest.Account{Credentials: credentials, Settings: func(url string) map[string]any {
			settings := where(url)
			settings["project"] = project
			maps.Copy(settings, more)
			return settings
		}}
	}
	return targettest.Harness{
		Kind: jira.Kind(),
		Creates: func(r *http.Request) bool {
			return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/issue")
		},
		Start: func(t *testing.T) targettest.Server {
			f := Start(t, o)
			return targettest.Server{URL: f.URL, Mine: account(true, "ENG"), Other: account(false, "OPS"),
				WrongProject: account(true, "NOPE").Settings, Issues: f.stored,
				SetLag: func(*testing.T) { f.Change(func(f *Fake) { f.Lag = 1 }) }, Fates: f.fates(),
				SetTextLimit: func(_ *testing.T, most int) { f.Change(func(f *Fake) { f.opts.TextLimit = most }) }}
		},
	}
}

func (f *Fake) stored(_ *testing.T, marker targets.Marker) []targettest.StoredIssue {
	var out []targettest.StoredIssue
	f.Change(func(f *Fake) {
		for _, i := range f.Issues {
			if i.Project == "ENG" && (marker == "" || i.Labels()[0] == string(marker)) {
				out = append(out, targettest.StoredIssue{ID: strconv.Itoa(i.ID), Title: i.Summary(), Text: i.Text()})
			}
		}
	})
	return out
}
