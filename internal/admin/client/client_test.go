package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin"
	"pushbutton/internal/admin/client"
	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pushes"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

const token = "canary-token"

// answering returns a client of a server that answers as f does.
func answering(t *testing.T, f http.HandlerFunc) *client.Client {
	t.Helper()
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	c, err := client.New(srv.URL, secret.New(token), &client.Options{Version: "test"})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func problem(w http.ResponseWriter, status int, p admin.Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Retry-After", "7")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(p)
}

func TestAddressesAndTokens(t *testing.T) {
	t.Parallel()
	for server, ok := range map[string]bool{
		"https://push.example.com": true, "https://push.example.com/base/": true, "http://127.0.0.1:8080": true, "http://[::1]:8080": true, "http://localhost:8080": true,
		"http://push.example.com": false, "http://10.0.0.1": false, "http://127.0.0.1.example.com": false, "push.example.com": false, "": false, "ftp://x": false,
		"https://canary:canary@push.example.com": false, "https://x?canary": false, "https://x#y": false, "https://": false,
	} {
		_, err := client.New(server, secret.New(token), nil)
		require.Equal(t, ok, err == nil, "%s: %v", server, err)
		if err != nil {
			require.NotContains(t, err.Error(), "canary")
		}
	}
	for _, bad := range []string{"", "a b", "a\nb", "é"} {
		_, err := client.New("https://push.example.com", secret.New(bad), nil)
		require.ErrorContains(t, err, "the token is empty or is none")
	}
}

// A problem keeps its kind, its type and its fields, below a text for people.
func TestProblemsBecomeFaults(t *testing.T) {
	t.Parallel()
	kinds := map[string]fault.Kind{"token": fault.Unauthorized, "role": fault.Forbidden, "validation": fault.Invalid, "malformed": fault.Invalid, "too-large": fault.Invalid,
		"precondition-failed": fault.Conflict, "idempotency-in-progress": fault.Conflict, "rate-limited": fault.RateLimited, "not-found": fault.NotFound,
		"unavailable": fault.Unavailable, "timeout": fault.Timeout, "blocked": fault.Blocked, "forbidden": fault.Forbidden, "something-new": fault.Internal}
	for name, want := range kinds {
		c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			problem(w, http.StatusTeapot, admin.Problem{Type: admin.ProblemType(admin.ProblemPrefix + name), Title: "Odd", Detail: "It is odd.", Instance: "urn:uuid:1", Side: fault.SideTracker,
				Errors: []admin.FieldError{{Field: "a.b", Message: "is odd"}, {Field: "c", Message: "is odd too"}}})
		})
		_, err := c.Pushes("acme").Get(t.Context(), "in", "e")
		require.Equal(t, want, fault.KindOf(err), name)
		f := fault.From(err)
		require.Equal(t, fault.SideTracker, f.Side)
		require.Equal(t, "urn:uuid:1", f.Ref)
		require.Equal(t, 7*time.Second, f.RetryAfter)
		require.Equal(t, admin.ProblemType(admin.ProblemPrefix+name), client.Problem(err).Type)
		require.Len(t, client.Problem(err).Errors, 2)
		require.Equal(t, "It is odd.\na.b: is odd\nc: is odd too", err.Error())
	}
}

// What is none of the admin API's answers is reported as that, whatever it is.
func TestForeignAnswers(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]http.HandlerFunc{
		"html": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<p>Welcome") },
		"html as json": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "<p>")
		},
		"a proxy's 502": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", http.StatusBadGateway) },
		"another problem": func(w http.ResponseWriter, _ *http.Request) {
			problem(w, http.StatusNotFound, admin.Problem{Type: "about:blank"})
		},
		"a redirect": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://elsewhere.example/x?canary")
			w.WriteHeader(http.StatusFound)
		},
		"nothing of a 304": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			chunk := strings.Repeat(" ", 1<<20)
			for range 20 {
				if _, err := io.WriteString(w, chunk); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := answering(t, f).Pushes("acme").List(t.Context(), pushes.Query{})
			require.ErrorIs(t, err, fault.Unavailable)
			require.ErrorContains(t, err, "is not this plugin's admin API")
			require.Nil(t, client.Problem(err))
			require.NotContains(t, fmt.Sprintf("%v %+v %v", err, err, fault.From(err)), "canary")
		})
	}
}

// A request that is given up, or cut off, says whether it may have been done.
func TestWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	hangs := make(chan struct{})
	c := answering(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hangs:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(hangs) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Pushes("acme").Retry(ctx, "in", "e")
	require.ErrorIs(t, err, fault.Timeout)
	require.True(t, fault.IsUnsure(err))
	require.ErrorContains(t, err, "run the command again")
	_, err = c.Pushes("acme").List(ctx, pushes.Query{})
	require.ErrorIs(t, err, fault.Timeout)
	require.False(t, fault.IsUnsure(err), "nothing was to be changed")

	cut := answering(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err = cut.Pushes("acme").Reset(t.Context(), "in", "e")
	require.ErrorIs(t, err, fault.Unavailable)
	require.True(t, fault.IsUnsure(err))
}

func desired(n int) register.Declaration {
	var declaration register.Declaration
	for i := range n {
		declaration.Tenants = append(declaration.Tenants, register.DesiredTenant{ID: fmt.Sprintf("t%d", i), Integrations: []register.Desired{{
			Integration: tenants.Integration{Name: "Engineering", ButtonLabel: "Push", Productboard: tenants.APIToken(secret.New("canary-pb")),
				Target: tenants.TargetConfig{Type: "memory", Settings: map[string]any{}, Credentials: map[string]secret.String{"apiKey": secret.New("canary-key")}}},
			Origin: func(field string) string { return fmt.Sprintf("acme.yaml:%d: %s", i, field) },
		}}})
	}
	return declaration
}

// One tenant goes to its own route first, several to the operator's; each with
// a key of its own, under which it is done once.
func TestApplyRoutes(t *testing.T) {
	t.Parallel()
	var asked []string
	keys := map[string]bool{}
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, strings.TrimPrefix(r.URL.Path, admin.Base))
		key := r.Header.Get("Idempotency-Key")
		assert.NotEmpty(t, key)
		assert.False(t, keys[key])
		keys[key] = true
		assert.Equal(t, "Bearer "+token, r.Header.Get("Authorization"))
		if r.URL.Path == admin.Base+"/tenants/t0/apply" {
			problem(w, http.StatusNotFound, admin.Problem{Type: admin.ProblemNotFound, Detail: "The tenant does not exist."})
			return
		}
		problem(w, http.StatusUnprocessableEntity, admin.Problem{Type: admin.ProblemValidation, Detail: "Of the 1 declared integrations, 0 were changed.",
			Errors: []admin.FieldError{{Field: "tenants[0].integrations[0].buttonLabel", Message: "is odd"}, {Field: "tenants", Message: "is odd too"}},
			Report: &admin.ApplyReport{Integrations: []admin.ApplyResult{{Tenant: "t0", Name: "Engineering", State: "failed"}}}})
	})
	report, err := c.Apply(t.Context(), desired(1))
	require.Equal(t, []string{"/tenants/t0/apply", "/apply"}, asked)
	require.Equal(t, "acme.yaml:0: button.label: is odd\ntenants: is odd too\nOf the 1 declared integrations, 0 were changed.", err.Error())
	require.ErrorIs(t, err, fault.Invalid)
	require.Equal(t, register.Failed, report.Integrations[0].State)
	require.NotContains(t, err.Error(), "canary")
	asked = nil
	_, err = c.Apply(t.Context(), desired(2))
	require.Error(t, err)
	require.Equal(t, []string{"/apply"}, asked)
}

func TestApplyTooLarge(t *testing.T) {
	t.Parallel()
	c := answering(t, func(http.ResponseWriter, *http.Request) { t.Error("nothing is sent") })
	declaration := desired(1)
	declaration.Tenants[0].Integrations[0].Integration.Target.Settings["text"] = strings.Repeat("x", admin.MaxBody)
	_, err := c.Apply(t.Context(), declaration)
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, "Split it.")
}

// What the server says of a push arrives as the services have it.
func TestPushesArriveWhole(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 31, 15, 4, 5, 678e6, time.UTC)
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, admin.Base+"/tenants/acme/integrations/in/connections/e%2F1", r.URL.EscapedPath())
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(admin.ConnectionDetail{Connection: admin.Connection{Integration: "in", IntegrationName: "Engineering", Entity: "e/1", State: "error", ToDo: "settle",
			ClickedAt: at, ClickedBy: &admin.ConnectionPerson{Name: "Jane", Email: "jane@example.com"}, ChangedAt: at, Attempts: 2, Marker: "pb-1",
			Issue:   &admin.ConnectionIssue{ID: "1", Key: "ENG-1", URL: "https://x/1", Title: "T", Status: "Open"},
			Failure: &admin.ConnectionFailure{Kind: "invalid", Message: "No.", Side: fault.SideTracker, Reference: "r-1"}},
			Timeline: []admin.ConnectionEvent{{At: at, What: "failed", State: "error", Generation: 3, Run: 4, Step: "open", TookMs: 12, Outcome: "invalid", Side: fault.SideTracker, Reference: "r-1", Note: "n"}}})
	})
	got, err := c.Pushes("acme").Get(t.Context(), "in", "e/1")
	require.NoError(t, err)
	require.Equal(t, pushes.Detail{Push: pushes.Push{Key: connections.Key{Tenant: "acme", Integration: "in", Entity: "e/1"}, Integration: "Engineering", State: connections.Failed,
		Step: connections.Settle, Clicked: at, By: connections.Person{Name: "Jane", Email: "jane@example.com"}, Changed: at, Attempts: 2, Marker: "pb-1",
		Issue:   &targets.Issue{ID: "1", Key: "ENG-1", URL: "https://x/1", Title: "T", Status: "Open"},
		Failure: &connections.Failure{Kind: "invalid", Message: "No.", Side: fault.SideTracker, Ref: "r-1"}},
		Timeline: []connections.Event{{At: at.UnixMilli(), What: "failed", State: connections.Failed, Generation: 3, Run: 4, Step: connections.Open, Took: 12 * time.Millisecond,
			Outcome: "invalid", Side: fault.SideTracker, Ref: "r-1", Note: "n"}}}, got)
}

// A page's query goes over whole, and one wrong field reads as the service's.
func TestListIsAskedFor(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 1, 31, 15, 4, 5, 0, time.UTC)
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "cursor=c&entity=e&from=2026-01-31T15%3A04%3A05Z&integration=Engineering+%26+more&kind=invalid&limit=200&state=error&text=x&to=2026-01-31T15%3A04%3A06Z", r.URL.RawQuery)
		problem(w, http.StatusUnprocessableEntity, admin.Problem{Type: admin.ProblemValidation, Errors: []admin.FieldError{{Field: "query.integration", Message: "is none"}}})
	})
	_, err := c.Pushes("acme").List(t.Context(), pushes.Query{Cursor: "c", Limit: 1000, Filter: pushes.Filter{Integration: "Engineering & more", Entity: "e", Kind: "invalid",
		State: connections.Failed, Text: "x", From: from, To: from.Add(time.Second)}})
	var wrong *pushes.FieldError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, pushes.FieldIntegration, wrong.Field)
	require.Equal(t, "is none", wrong.Message())
	require.NotNil(t, client.Problem(err))
}

func TestAnIntegrationIsRefreshedByNameOrID(t *testing.T) {
	t.Parallel()
	var refreshed []string
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodPost:
			refreshed = append(refreshed, r.URL.Path)
			w.WriteHeader(http.StatusNoContent)
		case r.URL.Query().Get("cursor") == "":
			_ = json.NewEncoder(w).Encode(admin.Page[admin.Integration]{Items: []admin.Integration{{ID: "one", Name: "Engineering"}}, Next: "c"})
		default:
			_ = json.NewEncoder(w).Encode(admin.Page[admin.Integration]{Items: []admin.Integration{{ID: "two", Name: "Support"}}})
		}
	})
	require.NoError(t, c.Pushes("acme").RefreshIntegration(t.Context(), "Support"))
	require.NoError(t, c.Pushes("acme").RefreshIntegration(t.Context(), "one"))
	require.Equal(t, []string{admin.Base + "/tenants/acme/integrations/two/refresh", admin.Base + "/tenants/acme/integrations/one/refresh"}, refreshed)
	var wrong *pushes.FieldError
	require.ErrorAs(t, c.Pushes("acme").RefreshIntegration(t.Context(), "Nobody"), &wrong)
	require.Equal(t, pushes.FieldIntegration, wrong.Field)
}

func TestTenantsAreListedPageByPage(t *testing.T) {
	t.Parallel()
	tenant := ""
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/whoami"):
			_ = json.NewEncoder(w).Encode(admin.Whoami{Tenant: tenant})
		case r.URL.Query().Get("cursor") == "":
			_ = json.NewEncoder(w).Encode(admin.Page[admin.Tenant]{Items: []admin.Tenant{{ID: "a"}, {ID: "b"}}, Next: "b"})
		default:
			_ = json.NewEncoder(w).Encode(admin.Page[admin.Tenant]{Items: []admin.Tenant{{ID: "c"}}})
		}
	})
	ids := func() []string {
		var out []string
		for id, err := range c.TenantIDs(t.Context()) {
			require.NoError(t, err)
			out = append(out, id)
		}
		return out
	}
	require.Equal(t, []string{"a", "b", "c"}, ids())
	tenant = "acme"
	require.Equal(t, []string{"acme"}, ids())
}

// The API's own limit is waited for; a tracker's is told, and so is a long one.
func TestTheServersPaceIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		side  fault.Side
		after string
		waits []time.Duration
	}{
		"its own":    {"", "1", []time.Duration{time.Second, time.Second}},
		"a peer's":   {fault.SideTracker, "1", nil},
		"a long one": {"", "60", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if calls++; calls > 2 {
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, `{"items":[]}`)
					return
				}
				w.Header().Set("Content-Type", "application/problem+json")
				w.Header().Set("Retry-After", tc.after)
				w.WriteHeader(http.StatusTooManyRequests)
				_ = json.NewEncoder(w).Encode(admin.Problem{Type: admin.ProblemRateLimited, Title: "There were too many requests", Side: tc.side})
			}))
			t.Cleanup(srv.Close)
			var waits []time.Duration
			c, err := client.New(srv.URL, secret.New(token), &client.Options{Wait: func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }})
			require.NoError(t, err)
			t.Cleanup(c.Close)
			_, err = c.Pushes("acme").List(t.Context(), pushes.Query{})
			require.Equal(t, tc.waits, waits)
			if tc.waits == nil {
				require.ErrorIs(t, err, fault.RateLimited)
				return
			}
			require.NoError(t, err)
		})
	}
}
