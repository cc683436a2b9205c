package pbapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/secret"
)

const (
	token         = "tok-3f9c-canary"
	integrationID = "11111111-1111-4111-8111-111111111111"
	entityID      = "22222222-2222-4222-8222-222222222222"
)

// serve starts a Productboard made of one handler, under the path /v2.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL + "/v2"
}

func session(t *testing.T, base string, limiter pbapi.RateLimiter, opts outbound.Options) *pbapi.Session {
	t.Helper()
	opts.Unguarded = true
	out := outbound.New(&opts)
	t.Cleanup(out.Close)
	c, err := pbapi.New(base, out, limiter)
	require.NoError(t, err)
	return c.As(pbapi.StaticToken(secret.New(token)))
}

// against is the session for a handler, with nothing special about it.
func against(t *testing.T, h http.HandlerFunc) *pbapi.Session {
	t.Helper()
	return session(t, serve(t, h), pbapi.NoRateLimit(), outbound.Options{})
}

func reply(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// notSent fails the test if anything is sent.
func notSent(t *testing.T) http.HandlerFunc {
	t.Helper()
	return func(_ http.ResponseWriter, r *http.Request) { t.Errorf("sent: %s %s", r.Method, r.URL) }
}

// requireFault returns the error's fault and holds it against what every one of
// them promises.
func requireFault(t *testing.T, err error, kind fault.Kind) *fault.Error {
	t.Helper()
	require.Error(t, err)
	var ferr *fault.Error
	require.ErrorAs(t, err, &ferr)
	require.Equal(t, kind, ferr.Kind, err)
	require.NotEmpty(t, ferr.Op)
	require.NotEmpty(t, ferr.Side)
	require.NotEmpty(t, ferr.Public)
	require.LessOrEqual(t, len(ferr.Public), pbapi.MaxMessage, "fits into a button's message")
	require.NotContains(t, err.Error()+ferr.Public+ferr.Ref, token)
	return ferr
}

// limiter records what it is told.
type limiter struct {
	mu      sync.Mutex
	waits   []string
	limited []time.Duration
	waitErr error
	toldErr error
}

func (p *limiter) Wait(_ context.Context, key string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits = append(p.waits, key)
	return p.waitErr
}

func (p *limiter) Limited(_ context.Context, _ string, d time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limited = append(p.limited, d)
	return p.toldErr
}

type tokenFunc func(context.Context) (secret.String, error)

func (f tokenFunc) Token(ctx context.Context) (secret.String, error) { return f(ctx) }

func TestNewChecksTheBase(t *testing.T) {
	t.Parallel()
	out := outbound.New(nil)
	t.Cleanup(out.Close)
	for base, want := range map[string]string{
		"https://api.productboard.com/v2":   "",
		"https://api.productboard.com/v2/":  "",
		"http://127.0.0.1:8080/v2":          "",
		"":                                  "https://",
		"api.productboard.com/v2":           "https://",
		"ftp://api.productboard.com":        "https://",
		"https:///v2":                       "no host",
		"https://:443/v2":                   "no host",
		"https://u:p4ss@productboard.com":   "user name",
		"https://api.productboard.com/v2?a": "path",
		"https://api.productboard.com/v2?":  "path",
		"https://api.productboard.com/v2#":  "path",
		"https://p4ss\x7f":                  "not a URL",
	} {
		_, err := pbapi.New(base, out, pbapi.NoRateLimit())
		if want == "" {
			require.NoError(t, err, base)
			continue
		}
		if assert.ErrorContains(t, err, want, base) {
			require.NotContains(t, err.Error(), "p4ss")
		}
	}
	_, err := pbapi.New("https://api.productboard.com/v2", nil, pbapi.NoRateLimit())
	require.Error(t, err)
	_, err = pbapi.New("https://api.productboard.com/v2", out, nil)
	require.Error(t, err)
}

func TestTokenThatCannotBeSent(t *testing.T) {
	t.Parallel()
	classified := fault.New(fault.Unavailable, "refresh token", "Productboard's login is away.")
	classified.Side = fault.SideProductboard
	for name, tc := range map[string]struct {
		token string
		err   error
		kind  fault.Kind
	}{
		"none":                 {"", nil, fault.Unauthorized},
		"line break":           {token + "\n", nil, fault.Unauthorized},
		"header injection":     {token + "\r\nX-A: b", nil, fault.Unauthorized},
		"not ASCII":            {token + "é", nil, fault.Unauthorized},
		"classified elsewhere": {"", classified, fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			p := &limiter{}
			out := outbound.New(&outbound.Options{Unguarded: true})
			t.Cleanup(out.Close)
			c, err := pbapi.New(serve(t, notSent(t)), out, p)
			require.NoError(t, err)
			_, err = c.As(tokenFunc(func(context.Context) (secret.String, error) { return secret.New(tc.token), tc.err })).GetEntity(t.Context(), entityID)
			requireFault(t, err, tc.kind)
			require.Empty(t, p.waits, "a request that is not sent takes no turn")
		})
	}
	t.Run("not classified", func(t *testing.T) {
		out := outbound.New(&outbound.Options{Unguarded: true})
		t.Cleanup(out.Close)
		c, err := pbapi.New(serve(t, notSent(t)), out, pbapi.NoRateLimit())
		require.NoError(t, err)
		_, err = c.As(tokenFunc(func(context.Context) (secret.String, error) { return secret.String{}, errors.New("disk") })).GetEntity(t.Context(), entityID)
		require.Equal(t, fault.SidePlugin, requireFault(t, err, fault.Internal).Side)
		require.ErrorContains(t, err, "disk")
	})
}

func TestRateLimiting(t *testing.T) {
	t.Parallel()
	entity := `{"data":{"id":"` + entityID + `","type":"feature"}}`
	limit := func(status int, headers map[string]string, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range headers {
				w.Header().Set(k, v)
			}
			reply(w, status, body)
		}
	}
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		want    []time.Duration
	}{
		"plenty left": {limit(200, map[string]string{"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "49"}, entity), nil},
		"not said":    {limit(200, nil, entity), nil},
		"nonsense":    {limit(200, map[string]string{"X-RateLimit-Remaining": "none"}, entity), nil},
		"nothing left of the window": {limit(200, map[string]string{"X-RateLimit-Remaining": "0"}, entity),
			[]time.Duration{time.Second}},
		"429 with a time": {limit(429, map[string]string{"Retry-After": "7", "X-RateLimit-Remaining": "0"}, ""),
			[]time.Duration{7 * time.Second}},
		"429 without": {limit(429, nil, ""), []time.Duration{time.Second}},
		"503":         {limit(503, map[string]string{"Retry-After": "7"}, ""), nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := &limiter{}
			_, _ = session(t, serve(t, tc.handler), p, outbound.Options{}).GetEntity(t.Context(), entityID)
			require.Equal(t, tc.want, p.limited)
			require.Equal(t, []string{secret.New(token).Fingerprint()}, p.waits, "once, by the fingerprint")
		})
	}
	t.Run("the limit's figures are in the log text", func(t *testing.T) {
		p := &limiter{toldErr: errors.New("redis away")}
		h := limit(429, map[string]string{"Retry-After": "2", "X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0"}, "")
		_, err := session(t, serve(t, h), p, outbound.Options{}).GetEntity(t.Context(), entityID)
		ferr := requireFault(t, err, fault.RateLimited)
		require.Equal(t, 2*time.Second, ferr.RetryAfter)
		require.ErrorContains(t, err, "limit 50, remaining 0")
		require.ErrorContains(t, err, "redis away")
	})
	t.Run("a limiter that cannot be told costs no success", func(t *testing.T) {
		p := &limiter{toldErr: errors.New("redis away")}
		_, err := session(t, serve(t, limit(200, map[string]string{"X-RateLimit-Remaining": "0"}, entity)), p, outbound.Options{}).GetEntity(t.Context(), entityID)
		require.NoError(t, err)
	})
	t.Run("a turn too far away", func(t *testing.T) {
		shared := &fault.Error{Op: "rate limit", Kind: fault.RateLimited, RetryAfter: 3 * time.Second}
		_, err := session(t, serve(t, notSent(t)), &limiter{waitErr: shared}, outbound.Options{}).GetEntity(t.Context(), entityID)
		ferr := requireFault(t, err, fault.RateLimited)
		require.Equal(t, fault.SideProductboard, ferr.Side)
		require.Equal(t, 3*time.Second, ferr.RetryAfter)
		require.Empty(t, shared.Public, "another room's error is left as it is")
	})
	t.Run("no turn, nothing sent", func(t *testing.T) {
		p := &limiter{waitErr: context.Canceled}
		_, err := session(t, serve(t, notSent(t)), p, outbound.Options{}).GetEntity(t.Context(), entityID)
		requireFault(t, err, fault.Canceled)
	})
}

// body decodes a request's body for comparison.
func body(t *testing.T, r *http.Request) string {
	t.Helper()
	raw, err := io.ReadAll(r.Body)
	if err != nil || len(raw) == 0 {
		assert.NoError(t, err)
		return ""
	}
	assert.True(t, json.Valid(raw), "%s", raw)
	return string(raw)
}
