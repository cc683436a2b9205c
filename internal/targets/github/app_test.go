package github_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/github/githubfake"
	"pushbutton/internal/targets/targettest"
)

func TestAppTokenIsFetchedOnceForAll(t *testing.T) {
	t.Parallel()
	key := githubfake.NewKey(t)
	f := githubfake.Standard(t)
	f.Install(key, "acme/app")
	target := open(t, f.URL, githubfake.WithApp("acme/app", key))
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			_, err := target.Find(context.Background(), marker)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	require.Equal(t, 1, f.App.Issued)

	f.App.Revoke()
	_, err := target.Find(t.Context(), marker)
	require.Equal(t, fault.Unauthorized, fault.KindOf(err))
	require.Contains(t, fault.From(err).Public, "refused the GitHub App")
	_, err = target.Find(t.Context(), marker)
	require.NoError(t, err, "a refused token is not used again")
	require.Equal(t, 2, f.App.Issued)
}

func TestAppTokenIsReplacedBeforeItEnds(t *testing.T) {
	t.Parallel()
	key := githubfake.NewKey(t)
	f := githubfake.Standard(t)
	f.Install(key, "acme/app")
	f.App.Life = 60
	target := open(t, f.URL, githubfake.WithApp("acme/app", key))
	for range 2 {
		_, err := target.Create(t.Context(), draft())
		require.NoError(t, err)
	}
	require.Equal(t, 2, f.App.Issued)
	require.Equal(t, "push-button[bot]", f.Repositories["acme/app"].Issues[1].Creator)
}

func TestAppThatCannotWork(t *testing.T) {
	t.Parallel()
	key := githubfake.NewKey(t)
	for name, c := range map[string]struct {
		account targettest.Account
		change  func(*githubfake.Fake)
		kind    fault.Kind
		says    string
	}{
		"another key":          {githubfake.WithApp("acme/app", githubfake.NewKey(t)), func(*githubfake.Fake) {}, fault.Unauthorized, "credentials.privateKey"},
		"another App":          {githubfake.WithApp("acme/app", key, "appId", 9), func(*githubfake.Fake) {}, fault.Unauthorized, "settings.appId"},
		"another installation": {githubfake.WithApp("acme/app", key, "installationId", 778), func(*githubfake.Fake) {}, fault.NotFound, "no installation 778 of the GitHub App 123456"},
		"not installed there":  {githubfake.WithApp("acme/secret", key), func(*githubfake.Fake) {}, fault.Forbidden, "no token for acme/secret"},
		"suspended":            {githubfake.WithApp("acme/app", key), func(f *githubfake.Fake) { f.App.Suspended = true }, fault.Forbidden, "GitHub: This installation has been suspended (acme/app)."},
		"permission":           {githubfake.WithApp("acme/app", key), func(f *githubfake.Fake) { f.App.ReadOnly = true }, fault.Forbidden, "Issues: Read and write"},
	} {
		t.Run(name, func(t *testing.T) {
			f := githubfake.Standard(t)
			f.Install(key, "acme/app")
			c.change(f)
			target := open(t, f.URL, c.account)
			err := target.Check(t.Context())
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err), err)
			require.Contains(t, fault.From(err).Public, c.says)
			_, err = target.Create(t.Context(), draft())
			require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err), err)
		})
	}
}

// A repository that the installation lost is hidden, also once a new token
// would be needed for it.
func TestAppThatLostItsRepository(t *testing.T) {
	t.Parallel()
	key := githubfake.NewKey(t)
	f := githubfake.Standard(t)
	f.Install(key, "acme/app")
	target := open(t, f.URL, githubfake.WithApp("acme/app", key))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	f.App.Repos = nil
	for range 2 {
		_, _, err = target.Read(t.Context(), made.ID)
		require.Equal(t, targets.VerdictHidden, targets.VerdictOf(targets.Issue{}, err), err)
		f.App.Revoke()
		_, _, _ = target.Read(t.Context(), made.ID) // the token that was kept is refused
	}
}

// Neither the App's signature nor the installation token is in a text, though
// whoever stands between may repeat them.
func TestAppTokensStaySecret(t *testing.T) {
	t.Parallel()
	key := githubfake.NewKey(t)
	var seen []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		seen = append(seen, token)
		if strings.HasSuffix(r.URL.Path, "/access_tokens") {
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"token":"ghs_secret","expires_at":"2099-01-01T00:00:00Z"}`)
			return
		}
		w.Header().Set("X-GitHub-Request-Id", token)
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprintf(w, `{"message":"no %[1]s","errors":["not %[1]s",{"message":"nor %[1]s","field":"%[1]s"}],"documentation_url":"%[1]s"}`, token)
	}))
	defer srv.Close()
	target := open(t, srv.URL, githubfake.WithApp("acme/app", key))
	_, created := target.Create(t.Context(), draft())
	for _, err := range []error{created, target.Check(t.Context())} {
		require.Error(t, err)
		for _, token := range seen {
			require.NotContains(t, fmt.Sprintf("%s %+v %#v %s", err, err, err, fault.From(err).Public), token)
		}
	}
	require.Contains(t, fault.From(created).Public, "[secret]")
	require.GreaterOrEqual(t, len(seen), 3)
}

// GitHub sends the end of a personal access token with every reply.
func TestExpires(t *testing.T) {
	t.Parallel()
	f := githubfake.Standard(t)
	target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
	for said, want := range map[string]time.Time{
		"":                          {},
		"2026-12-10 20:53:51 UTC":   time.Date(2026, 12, 10, 20, 53, 51, 0, time.UTC),
		"2026-12-10 20:53:51 -0800": time.Date(2026, 12, 11, 4, 53, 51, 0, time.UTC),
	} {
		f.Lock()
		f.Tokens[githubfake.MineToken].Expires = said
		f.Unlock()
		at, supported, err := target.Expires(t.Context())
		require.NoError(t, err, said)
		require.True(t, supported)
		require.True(t, want.Equal(at), "%q: %s", said, at)
	}
	for _, said := range []string{"soon", "2026-12-10 20:53:51 PST"} { // no guess
		f.Lock()
		f.Tokens[githubfake.MineToken].Expires = said
		f.Unlock()
		_, _, err := target.Expires(t.Context())
		require.Error(t, err, said)
	}
}

// An App's key does not end, and nothing is asked.
func TestExpiresOfAnApp(t *testing.T) {
	t.Parallel()
	h := githubfake.AppHarness(t)
	server := h.Start(t)
	at, supported, err := open(t, server.URL, server.Mine).Expires(t.Context())
	require.NoError(t, err)
	require.True(t, supported)
	require.Zero(t, at)
}
