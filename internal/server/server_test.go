package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/actions"
	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/probe"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

const (
	id   = "abcdefghijklmnopqrstuvwxyz"
	pbID = "00000000-0000-4000-8000-00000000000a"
)

type integrations struct{}

func (integrations) ByID(_ context.Context, got string) (tenants.Integration, error) {
	switch got {
	case id:
		return tenants.Integration{ID: id, ProductboardID: pbID, ActionAuth: secret.New("Bearer s3cret")}, nil
	case "panic":
		panic("boom")
	case "redis":
		return tenants.Integration{}, fault.Wrap(fault.Unavailable, "find integration", errors.New("dial tcp 10.1.2.3:6379: refused"))
	default:
		return tenants.Integration{}, fault.New(fault.NotFound, "find integration", "")
	}
}

func (integrations) Tenant(_ context.Context, tenant string) (tenants.Tenant, error) {
	return tenants.Tenant{ID: tenant}, nil
}

type clicks struct{ err error }

func (c clicks) Push(context.Context, connections.Key, connections.Person) (connections.Record, *connections.Task, error) {
	return connections.Record{State: connections.Progress, Step: connections.Open}, nil, c.err
}
func (c clicks) Unlink(context.Context, connections.Key) (connections.Record, *connections.Task, error) {
	return connections.Record{State: connections.Initial}, nil, c.err
}
func (c clicks) Dismiss(context.Context, connections.Key) (connections.Record, *connections.Task, error) {
	return connections.Record{State: connections.Initial}, nil, c.err
}

func (c clicks) RejectClick(context.Context, connections.Key, connections.Person, connections.Failure) (connections.Record, *connections.Task, error) {
	return connections.Record{State: connections.Failed}, nil, c.err
}

func front(c clicks) http.Handler {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	receiver := actions.NewReceiver(integrations{}, integrations{}, c, nil, log, nil)
	return New(Routes{Probe: probe.Handler(integrations{}), Action: receiver.Handler()}, log)
}

func call(tb testing.TB, h http.Handler, method, target, auth, body string) *httptest.ResponseRecorder {
	tb.Helper()
	req := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	req.Header.Set("Authorization", auth)
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

func TestProbe(t *testing.T) {
	t.Parallel()
	h := front(clicks{})
	for name, token := range map[string]string{
		"plain": "a-unique-token", "markup": "<script>alert(1)</script>", "unicode": "tøken ☃", "spaces": " a  b ", "newline": "a\r\nb", "longest": strings.Repeat("x", 4096),
	} {
		t.Run(name, func(t *testing.T) {
			rec := call(t, h, http.MethodGet, "/actions/"+id+"?validationToken="+url.QueryEscape(token), "Bearer s3cret", "")
			require.Equal(t, http.StatusOK, rec.Code)
			require.Equal(t, token, rec.Body.String(), "byte for byte")
			require.Equal(t, "text/plain; charset=utf-8", rec.Header().Get("Content-Type"))
			require.Equal(t, "nosniff", rec.Header().Get("X-Content-Type-Options"))
		})
	}
	for name, c := range map[string]struct {
		path, auth string
		status     int
	}{
		"no token":       {"/actions/" + id, "Bearer s3cret", 400},
		"empty token":    {"/actions/" + id + "?validationToken=", "Bearer s3cret", 400},
		"too long":       {"/actions/" + id + "?validationToken=" + strings.Repeat("x", 4097), "Bearer s3cret", 400},
		"wrong secret":   {"/actions/" + id + "?validationToken=x", "Bearer wrong", 401},
		"no secret":      {"/actions/" + id + "?validationToken=x", "", 401},
		"unknown path":   {"/actions/nothing?validationToken=x", "Bearer s3cret", 404},
		"elsewhere":      {"/", "Bearer s3cret", 404},
		"redis away":     {"/actions/redis?validationToken=x", "Bearer s3cret", 503},
		"a bug":          {"/actions/panic?validationToken=x", "Bearer s3cret", 500},
		"deeper":         {"/actions/" + id + "/x", "Bearer s3cret", 404},
		"secret in path": {"/actions/" + id + "%00", "Bearer s3cret", 404},
	} {
		t.Run(name, func(t *testing.T) { refused(t, call(t, h, http.MethodGet, c.path, c.auth, ""), c.status) })
	}
}

// refused checks that an error has Productboard's shape and tells nothing of
// our insides.
func refused(t *testing.T, rec *httptest.ResponseRecorder, status int) pbapi.ErrorEntry {
	t.Helper()
	require.Equal(t, status, rec.Code)
	var body pbapi.ErrorBody
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &body), rec.Body.String())
	require.NotEmpty(t, body.ID)
	require.Equal(t, body.ID, rec.Header().Get("X-Request-Id"))
	require.Len(t, body.Errors, 1)
	require.NotEmpty(t, body.Errors[0].Code)
	require.NotEmpty(t, body.Errors[0].Title)
	require.NotEmpty(t, body.Errors[0].Detail)
	for _, inner := range []string{"s3cret", "10.1.2.3", "boom", "goroutine"} {
		require.NotContains(t, rec.Body.String(), inner)
	}
	return body.Errors[0]
}

func notification(trigger string) string {
	return `{"data":{"integrationId":"` + pbID + `","trigger":"` + trigger + `","feature":{"id":"00000000-0000-4000-8000-000000000001","links":{"self":"https://x","html":"https://x"}}}}`
}

func TestAction(t *testing.T) {
	t.Parallel()
	h := front(clicks{})
	for trigger, state := range map[string]string{"button.push": "progress", "button.unlink": "initial", "button.dismiss": "initial"} {
		rec := call(t, h, http.MethodPost, "/actions/"+id, "Bearer s3cret", notification(trigger))
		require.Equal(t, http.StatusOK, rec.Code)
		require.JSONEq(t, `{"data":{"fields":{"connection":{"state":"`+state+`"}}}}`, rec.Body.String())
	}
	entry := refused(t, call(t, h, http.MethodPost, "/actions/"+id, "Bearer s3cret", notification("button.pull")), 400)
	require.Equal(t, "/data/trigger", entry.Source.Pointer)
	refused(t, call(t, h, http.MethodPost, "/actions/"+id, "Bearer s3cret", notification("button.push")+strings.Repeat(" ", actions.MaxBody)), 400)
	refused(t, call(t, h, http.MethodPost, "/actions/"+id, "Bearer wrong", notification("button.push")), 401)
	refused(t, call(t, h, http.MethodPost, "/actions/x", "Bearer s3cret", notification("button.push")), 404)
	refused(t, call(t, h, http.MethodDelete, "/actions/"+id, "Bearer s3cret", ""), 405)
}

func TestActionWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	h := front(clicks{err: fault.Wrap(fault.Unavailable, "record push", errors.New("dial tcp 10.1.2.3:6379: refused"))})
	rec := call(t, h, http.MethodPost, "/actions/"+id, "Bearer s3cret", notification("button.push"))
	refused(t, rec, 503)
	require.NotEmpty(t, rec.Header().Get("Retry-After"))
}

func TestEveryKindHasAStatus(t *testing.T) {
	t.Parallel()
	for _, kind := range fault.Kinds() {
		status, entry := describe(&fault.Error{Kind: kind, Err: errors.New("inside")})
		require.GreaterOrEqual(t, status, 400, kind)
		require.NotContains(t, entry.Detail, "inside")
	}
}

func TestOps(t *testing.T) {
	t.Parallel()
	var down error
	h := Ops(func(context.Context) error { return down }, http.NotFoundHandler())
	require.Equal(t, 200, call(t, h, http.MethodGet, "/healthz", "", "").Code)
	require.Equal(t, 200, call(t, h, http.MethodGet, "/readyz", "", "").Code)
	down = errors.New("shutting down")
	rec := call(t, h, http.MethodGet, "/readyz", "", "")
	require.Equal(t, 503, rec.Code)
	require.Contains(t, rec.Body.String(), "shutting down")
	require.Equal(t, 200, call(t, h, http.MethodGet, "/healthz", "", "").Code, "alive while draining")
}

func TestUnknownErrorsOfEchoAreNotShown(t *testing.T) {
	t.Parallel()
	status, entry := describe(echo.NewHTTPError(http.StatusTeapot, "inside"))
	require.Equal(t, 404, status)
	require.NotContains(t, entry.Detail, "inside")
}

func FuzzProbe(f *testing.F) {
	h := front(clicks{})
	f.Add("token")
	f.Add("")
	f.Add("a\x00b\xff")
	f.Add(strings.Repeat("é", 3000))
	f.Add(boundtest.Fill("", "\x00", ""))
	f.Fuzz(func(t *testing.T, token string) {
		target := "/actions/" + id + "?validationToken=" + url.QueryEscape(token)
		var rec *httptest.ResponseRecorder
		boundtest.Memory(t, len(target), boundtest.Limit{Base: 64 << 10, PerByte: 16}, func() { rec = call(t, h, http.MethodGet, target, "Bearer s3cret", "") })
		if token == "" || len(token) > 4096 {
			require.Equal(t, 400, rec.Code)
			return
		}
		require.Equal(t, 200, rec.Code)
		require.Equal(t, token, rec.Body.String())
	})
}
