package pbapi_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/secret"
)

// productboardError is an error reply with everything in it.
const productboardError = `{"id":"req-42","errors":[{"code":"validation.failed","title":"Validation failed","detail":"The field 'name' cannot be empty.","source":{"pointer":"/data/fields/name"}},{"code":"second"}]}`

func TestEveryStatus(t *testing.T) {
	t.Parallel()
	kinds := map[int]fault.Kind{
		301: fault.Invalid, 302: fault.Invalid, 304: fault.Invalid, 307: fault.Invalid,
		400: fault.Invalid, 401: fault.Unauthorized, 402: fault.Invalid, 403: fault.Forbidden, 404: fault.NotFound, 405: fault.Invalid,
		408: fault.Timeout, 409: fault.Conflict, 410: fault.NotFound, 413: fault.Invalid, 415: fault.Invalid, 422: fault.Invalid, 429: fault.RateLimited, 451: fault.Invalid,
		500: fault.Unavailable, 501: fault.Unavailable, 502: fault.Unavailable, 503: fault.Unavailable, 504: fault.Timeout, 529: fault.Unavailable,
	}
	unsure := map[int]bool{408: true, 500: true, 501: true, 502: true, 503: true, 504: true, 529: true}
	for status, kind := range kinds {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			s := against(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "https://elsewhere.example/")
				if status == 304 {
					w.WriteHeader(status)
					return
				}
				reply(w, status, productboardError)
			})
			_, err := s.GetEntity(t.Context(), entityID)
			ferr := requireFault(t, err, kind)
			require.Equal(t, "get entity", ferr.Op)
			require.False(t, ferr.Unsure, "a read carries nothing out")
			if status < 400 {
				require.Equal(t, fault.SidePlugin, ferr.Side)
			} else {
				require.Equal(t, fault.SideProductboard, ferr.Side)
				require.Equal(t, "req-42", ferr.Ref)
				require.ErrorContains(t, err, fmt.Sprintf("%d", status))
				require.ErrorContains(t, err, `validation.failed "The field 'name' cannot be empty." at "/data/fields/name"`)
				require.NotContains(t, ferr.Public, "cannot be empty", "details are for the log")
			}

			err = s.PutConnection(t.Context(), integrationID, entityID, connected())
			require.Equal(t, unsure[status], requireFault(t, err, kind).Unsure)
		})
	}
}

func TestPublicTexts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		body   string
		call   func(context.Context, *pbapi.Session) error
		side   fault.Side
		want   string
	}{
		"the scope that is missing": {403, productboardError, func(ctx context.Context, s *pbapi.Session) error {
			return s.PutConnection(ctx, integrationID, entityID, connected())
		}, fault.SideProductboard, "plugin-integrations:write"},
		"the scope to delete": {403, "", func(ctx context.Context, s *pbapi.Session) error {
			return s.DeleteIntegration(ctx, integrationID)
		}, fault.SideProductboard, "plugin-integrations:delete"},
		"the thing that is gone": {404, "", func(ctx context.Context, s *pbapi.Session) error {
			_, err := s.GetIntegration(ctx, integrationID)
			return err
		}, fault.SideProductboard, "does not have this integration"},
		"the field that was refused": {422, productboardError, func(ctx context.Context, s *pbapi.Session) error {
			return s.UpdateIntegration(ctx, integrationID, pbapi.IntegrationUpdate{Name: new("n")})
		}, fault.SideProductboard, "/data/fields/name"},
		"the parameter that was refused": {400, `{"id":"r","errors":[{"source":{"parameter":"pageCursor"}}]}`, func(ctx context.Context, s *pbapi.Session) error {
			_, err := collect(s.ListIntegrations(ctx))
			return err
		}, fault.SideProductboard, "pageCursor"},
		"the probe": {422, `{"id":"r","errors":[{"code":"callback.probeFailed","title":"t","detail":"d"}]}`, func(ctx context.Context, s *pbapi.Session) error {
			return s.UpdateIntegration(ctx, integrationID, pbapi.IntegrationUpdate{Action: &pbapi.Action{URL: "https://plugin.example/"}})
		}, fault.SidePlugin, "action URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := against(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, tc.status, tc.body) })
			err := tc.call(t.Context(), s)
			ferr := requireFault(t, err, fault.KindOf(err))
			require.Contains(t, ferr.Public, tc.want)
			require.Equal(t, tc.side, ferr.Side)
		})
	}
}

func TestErrorBodiesThatAreNone(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty": "", "html": "<html>" + token, "null": "null", "list": "[]", "no errors": `{"id":"req-42"}`, "null errors": `{"errors":[null]}`,
		"wrong types": `{"id":7,"errors":"x"}`, "huge texts": `{"id":"` + string(bytes.Repeat([]byte("é"), 5000)) + `","errors":[{"detail":"` + string(bytes.Repeat([]byte("é"), 5000)) + `"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := against(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 422, body) }).GetEntity(t.Context(), entityID)
			ferr := requireFault(t, err, fault.Invalid)
			require.ErrorContains(t, err, "HTTP status 422")
			require.Less(t, len(err.Error()), 2000)
			require.Less(t, len(ferr.Ref), 200)
		})
	}
}

func TestEchoedSecretsAreTakenOut(t *testing.T) {
	t.Parallel()
	const auth = "Bearer chosen-canary"
	s := against(t, func(w http.ResponseWriter, r *http.Request) {
		echo := r.Header.Get("Authorization") + auth
		reply(w, 422, `{"id":"`+echo+`","errors":[{"code":"`+echo+`","detail":"`+echo+`","source":{"pointer":"`+echo+`"}}]}`)
	})
	_, err := s.CreateIntegration(t.Context(), pbapi.IntegrationCreate{Type: "t", Name: "n", Label: "l",
		Action: pbapi.Action{URL: "https://plugin.example/", Authorization: secret.New(auth)}})
	ferr := requireFault(t, err, fault.Invalid)
	require.NotContains(t, err.Error()+ferr.Public+ferr.Ref, "chosen-canary")
	require.Contains(t, ferr.Ref, "[secret]")
}

func TestSuccessThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty": "", "html": "<html>Log in</html>", "cut off": `{"data":{"id":"`, "null": "null", "no data": "{}", "null data": `{"data":null}`,
		"wrong type": `{"data":"` + token + `"}`, "no id, no state, no type": `{"data":{"fields":{}},"links":{}}`,
	} {
		for _, op := range operations() {
			if op.reply == "" {
				continue // 204
			}
			t.Run(op.name+"/"+name, func(t *testing.T) {
				got, err := op.call(t.Context(), against(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, body) }))
				ferr := requireFault(t, err, fault.Unavailable)
				require.Equal(t, fault.SideProductboard, ferr.Side)
				require.Equal(t, op.method != "GET" && op.query == nil && !isSearch(op), ferr.Unsure)
				if op.name == "create integration" {
					require.Empty(t, got)
				}
			})
		}
	}
}

func isSearch(op operation) bool { return op.method == "POST" && op.status == 200 }

// Whatever answers in Productboard's place cannot fill the memory, neither with
// bytes nor with what a few bytes stand for.
func TestHugeAnswers(t *testing.T) {
	bomb := strings.Repeat("{},", 4<<20/3) + "{}"
	for name, body := range map[string]string{
		"spaces": strings.Repeat(" ", 32<<20), "objects": "[" + bomb + "]", "data": `{"data":[` + bomb + `]}`, "one resource": `{"data":{"id":"1","fields":{"name":[` + bomb + `]}}}`,
		"deep": strings.Repeat(`{"data":`, 5000) + "1" + strings.Repeat("}", 5000),
	} {
		h := func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, body) }
		s := session(t, serve(t, h), pbapi.NoRateLimit(), outbound.Options{})
		for call, do := range map[string]func() error{
			"entity":   func() error { _, err := s.GetEntity(t.Context(), entityID); return err },
			"put":      func() error { return s.PutConnection(t.Context(), integrationID, entityID, connected()) },
			"relation": func() error { return last(s.ListRelationships(t.Context(), entityID)) },
			"configs":  func() error { return last(s.ListConfigurations(t.Context())) },
		} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := do()
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(24<<20), "%s, %s: the test's own server included", name, call)
			if call == "put" {
				continue // nothing of its answer is needed
			}
			ferr := requireFault(t, err, fault.Unavailable)
			require.Contains(t, ferr.Public, "larger than expected", "%s, %s", name, call)
		}
	}
}

func last[T any](seq iter.Seq2[T, error]) (err error) {
	for _, err = range seq {
	}
	return err
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	err := session(t, srv.URL, pbapi.NoRateLimit(), outbound.Options{}).PutConnection(t.Context(), integrationID, entityID, connected())
	ferr := requireFault(t, err, fault.Unavailable)
	require.False(t, ferr.Unsure, "nothing can have been sent")
}

func TestConnectionLost(t *testing.T) {
	t.Parallel()
	h := func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }
	err := against(t, h).PutConnection(t.Context(), integrationID, entityID, connected())
	ferr := requireFault(t, err, fault.Unavailable)
	require.True(t, ferr.Unsure)
}

func TestBlockedAddress(t *testing.T) {
	t.Parallel()
	out := outbound.New(nil)
	t.Cleanup(out.Close)
	c, err := pbapi.New(serve(t, notSent(t)), out, pbapi.NoRateLimit())
	require.NoError(t, err)
	_, err = c.As(pbapi.StaticToken(secret.New(token))).GetEntity(t.Context(), entityID)
	require.Equal(t, fault.SidePlugin, requireFault(t, err, fault.Blocked).Side)
}

// hang starts a Productboard that reports a request and never answers it.
func hang(t *testing.T) (base string, began <-chan struct{}) {
	t.Helper()
	seen, stop := make(chan struct{}, 1), make(chan struct{})
	base = serve(t, func(http.ResponseWriter, *http.Request) {
		seen <- struct{}{}
		<-stop
	})
	t.Cleanup(func() { close(stop) }) // before the server is closed, which waits for the handler
	return base, seen
}

func TestCancelInMidRequest(t *testing.T) {
	t.Parallel()
	base, began := hang(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	err := session(t, base, pbapi.NoRateLimit(), outbound.Options{}).PutConnection(ctx, integrationID, entityID, connected())
	ferr := requireFault(t, err, fault.Canceled)
	require.Equal(t, fault.SidePlugin, ferr.Side)
	require.True(t, ferr.Unsure)
	require.ErrorIs(t, err, context.Canceled)
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	base, _ := hang(t)
	_, err := session(t, base, pbapi.NoRateLimit(), outbound.Options{Timeout: 20 * time.Millisecond}).GetEntity(t.Context(), entityID)
	ferr := requireFault(t, err, fault.Timeout)
	require.Equal(t, fault.SideProductboard, ferr.Side)
	require.ErrorContains(t, err, "no answer within 20ms")
}
