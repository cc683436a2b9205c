package catalog_test

import (
	"bytes"
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/catalog"
	"pushbutton/internal/targets/settings"
)

// Every kind is described well enough to make documentation and forms of it.
func TestKindsAreDescribed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range catalog.Kinds() {
		require.NotEmpty(t, k.Title)
		require.NotNil(t, k.New)
		require.False(t, seen[k.Type], "%s is there twice", k.Type)
		seen[k.Type] = true
		assertDescribed(t, k.Type, append(k.Settings, k.Credentials...))
		for _, f := range k.Settings {
			require.False(t, f.Secret, "%s.%s belongs to the credentials", k.Type, f.Name)
		}
		for _, f := range k.Credentials {
			require.True(t, f.Secret, "%s.%s", k.Type, f.Name)
		}
	}
}

func assertDescribed(t *testing.T, path string, fields []settings.Field) {
	t.Helper()
	for _, f := range fields {
		require.NotEmpty(t, f.Help, "%s.%s", path, f.Name)
		require.NotEmpty(t, f.Example, "%s.%s", path, f.Name)
		assertDescribed(t, path+"."+f.Name, f.Fields)
	}
}

func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	for _, k := range catalog.Kinds() {
		settings, creds, err := catalog.Example(k)
		require.NoError(t, err)
		target, err := k.Open(settings, creds, targets.Deps{})
		require.NoError(t, err, k.Type)
		require.NotEmpty(t, target.Traits().Name)
	}
}

func TestKindsHaveGuides(t *testing.T) {
	t.Parallel()
	for _, k := range catalog.Kinds() {
		if k.Driver == nil { // it holds a nil of the driver's type
			t.Errorf("%s has no driver", k.Type)
		}
		require.NotEmpty(t, k.Guide.Permissions, k.Type)
		require.NotEmpty(t, k.Guide.Token, k.Type)
	}
}

// What nothing in the plugin uses yet is not advertised.
func TestOnlyWhatIsUsedIsAdvertised(t *testing.T) {
	t.Parallel()
	table, _, _ := strings.Cut(catalog.Document(), "\n## ")
	for _, k := range catalog.Kinds() {
		table += catalog.Describe(k)
	}
	require.NotRegexp(t, `(?i)\| update \||list choices|besides creating and finding issues, it can: .*update`, table)
}

func TestHowANewIssueIsFoundAgain(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"asana": "by reading the latest issues", "gitea": "by reading the latest issues", "github": "by reading the latest issues, within 10 s",
		"linear": "exactly, by an id that we choose", "redmine": "by a search, at once", "memory": "by a search, at once",
		"jira": "by a search that may lag up to 60 s", "gitlab": "by a search that may lag up to 5 s",
		"azuredevops": "by a search that may lag up to 10 s", "shortcut": "by a search that may lag up to 5 s",
		"http": "only where the settings describe a look-up",
	}
	for _, k := range catalog.Kinds() {
		require.Contains(t, catalog.Describe(k), "A new issue is found again "+want[k.Type]+".\n", k.Type)
	}
}

var update = flag.Bool("update", false, "write docs/trackers.md anew")

func TestDocument(t *testing.T) {
	const path = "../../../docs/trackers.md"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(catalog.Document()), 0o644))
		return
	}
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, catalog.Document(), string(raw), "run: go test ./internal/targets/catalog -update")
}

func TestOpen(t *testing.T) {
	t.Parallel()
	given := map[string]any{"url": "http://127.0.0.1:1", "project": "p"}
	creds := map[string]secret.String{"apiKey": secret.New("k")}
	for _, typ := range []string{"redmine", "memory"} {
		target, err := catalog.Open(typ, given, creds, targets.Deps{})
		require.NoError(t, err)
		require.Equal(t, typ, target.Type())
	}
	_, err := catalog.Open("redmin", given, creds, targets.Deps{})
	var wrong settings.FieldErrors
	require.ErrorAs(t, err, &wrong)
	require.ErrorContains(t, wrong, "(did you mean redmine?)")
	require.Equal(t, fault.Invalid, fault.KindOf(err))
}

// A body is bounded before anybody reads it or hashes it.
func TestEveryHookIsBounded(t *testing.T) {
	t.Parallel()
	header := http.Header{}
	long := targets.Hook{Header: header, Body: bytes.Repeat([]byte{' '}, targets.MaxHook+1), Now: time.Now()}
	most := targets.Hook{Header: header, Body: long.Body[1:], Now: long.Now}
	for _, kind := range catalog.Kinds() {
		_, err := kind.ReadHook(secret.New("signing"), long)
		want := fault.Invalid
		_, reads := targets.Ability[targets.HookReader](kind.Driver)
		if !reads {
			want = fault.NotFound
		}
		require.ErrorIs(t, err, want, kind.Type)
		_, err = kind.ReadHook(secret.New("signing"), most)
		if want = fault.Unauthorized; !reads {
			want = fault.NotFound
		}
		require.ErrorIs(t, err, want, "%s: it is the signature that is looked at", kind.Type)
	}
}

func TestWhoSetsUpTheWebhook(t *testing.T) {
	t.Parallel()
	for kind, who := range map[string]string{"gitlab": "registered by the plugin", "redmine": "set up by hand", "http": "set up by hand"} {
		k, ok := catalog.ByType(kind)
		require.True(t, ok)
		require.Contains(t, catalog.Describe(k), " Webhooks: "+who+". ", kind)
		require.Contains(t, catalog.Document(), " | "+who+" | ", kind)
	}
	paper, _ := catalog.ByType("memory")
	paper.Driver = closer{}
	require.Contains(t, catalog.Describe(paper), " Webhooks: none. ")
}

// closer can do nothing more than close.
type closer struct {
	targets.Driver
	targets.Closer
}
