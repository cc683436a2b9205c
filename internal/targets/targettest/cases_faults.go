package targettest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
)

// short is a time-out that a silent server is sure to exceed and a loaded
// machine is not.
const short = 400 * time.Millisecond

func statuses() []int {
	return []int{301, 302, 304, 400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 415, 418, 422, 429, 451, 500, 501, 502, 503, 504, 520, 529}
}

func testStatuses(t *testing.T, b *bench) {
	target := b.mine(t)
	for _, header := range []http.Header{nil, {"Retry-After": {"7"}}} {
		for _, status := range statuses() {
			t.Run(fmt.Sprintf("%d retry-after %q", status, header.Get("Retry-After")), func(t *testing.T) {
				b.proxy.On(b.h.Creates, Behaviour{Status: status, Header: header})
				_, err := target.Create(t.Context(), newDraft())
				require.Error(t, err)
				require.Equal(t, 1, b.proxy.Hits(), "a driver never sends a create twice")
				want := outbound.FromStatus(status, header)
				kind := want.Kind
				if k, ok := b.h.Kinds[status]; ok {
					kind = k
				}
				if k, ok := b.h.KindsRetryAfter[status]; ok && header != nil {
					kind = k
				}
				outcome := targets.OutcomeOf(want)
				if kind == fault.RateLimited {
					outcome = targets.OutcomeNotDone // a limit is looked at before anything is done
				}
				require.Equal(t, kind, fault.KindOf(err), err)
				require.Equal(t, outcome, targets.OutcomeOf(err), err)
				require.Equal(t, want.RetryAfter, fault.From(err).RetryAfter)
				assertPublic(t, target, err)
			})
		}
	}
	b.proxy.Off()
	require.Empty(t, b.server.Issues(t, ""))
}

func testFindStatuses(t *testing.T, b *bench) {
	b.needsFind(t)
	target := b.mine(t)
	for _, status := range statuses() {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			b.proxy.On(Any, Behaviour{Status: status})
			_, err := target.Find(t.Context(), newMarker())
			require.Error(t, err, "a failed look-up is not an empty one")
			require.False(t, fault.IsUnsure(err), "a look-up changes nothing")
			assertPublic(t, target, err)
		})
	}
	for name, do := range map[string]Behaviour{"cut": {Cut: true}, "web page": {Status: 200, Body: func(*http.Request) string { return "<html>Log in" }}} {
		t.Run(name, func(t *testing.T) {
			b.proxy.On(Any, do)
			_, err := target.Find(t.Context(), newMarker())
			require.Error(t, err)
			assertPublic(t, target, err)
		})
	}
}

// testUnknown lets the tracker create and the answer go wrong: the outcome
// must be unknown, and a look-up must find exactly one.
func testUnknown(t *testing.T, b *bench) {
	target := b.mine(t)
	page := func(*http.Request) string { return "<html>created" }
	for name, do := range map[string]Behaviour{
		"connection cut":  {Cut: true},
		"500":             {Status: 500},
		"500, a web page": {Status: 500, Body: page},
		"502":             {Status: 502},
		"503":             {Status: 503},
		"504":             {Status: 504},
		"408":             {Status: 408},
		"not JSON":        {Status: 201, Body: page},
		"empty":           {Status: 201},
		"no issue in it":  {Status: 200, Body: func(*http.Request) string { return "{}" }},
		"shorter than it": {Status: 201, Header: http.Header{"Content-Length": {"500"}}, Body: page},
	} {
		t.Run(name, func(t *testing.T) {
			do.Pass = true
			draft := newDraft()
			b.proxy.On(b.h.Creates, do)
			_, err := target.Create(t.Context(), draft)
			require.Error(t, err)
			require.Equal(t, targets.OutcomeUnknown, targets.OutcomeOf(err), err)
			require.Equal(t, do.Status == http.StatusInternalServerError, targets.MayBeCharacters(err), "the reason may be a character: %v", err)
			require.Equal(t, 1, b.proxy.Hits(), "a driver never sends a create twice")
			assertPublic(t, target, err)
			b.proxy.Off()
			require.Len(t, b.server.Issues(t, draft.Marker), 1)
			b.needsFind(t)
			require.NotNil(t, find(t, target, draft.Marker), "found all the same")
		})
	}
	t.Run("lost on the way there", func(t *testing.T) {
		draft := newDraft()
		b.proxy.On(b.h.Creates, Behaviour{Cut: true})
		_, err := target.Create(t.Context(), draft)
		require.Equal(t, targets.OutcomeUnknown, targets.OutcomeOf(err), "nobody can know")
		b.proxy.Off()
		b.needsFind(t)
		found, err := target.Find(t.Context(), draft.Marker)
		require.NoError(t, err)
		require.Nil(t, found)
	})
}

func testNotDone(t *testing.T, b *bench) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	deps := targets.Deps{HTTP: b.http}
	target, err := b.h.Kind.Open(b.server.Mine.Settings(gone.URL), b.server.Mine.Credentials, deps)
	require.NoError(t, err)
	_, err = target.Create(t.Context(), newDraft())
	require.Error(t, err)
	require.Equal(t, fault.Unavailable, fault.KindOf(err), err)
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err), "it was never sent")
	assertPublic(t, target, err)
	assertPublic(t, target, target.Check(t.Context()))

	guarded := outbound.New(nil)
	t.Cleanup(guarded.Close)
	target, err = b.h.Kind.Open(b.server.Mine.Settings(b.proxy.URL), b.server.Mine.Credentials, targets.Deps{HTTP: guarded})
	require.NoError(t, err)
	_, err = target.Create(t.Context(), newDraft())
	require.Equal(t, fault.Blocked, fault.KindOf(err), err)
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
	assertPublic(t, target, err)

	_, err = b.mine(t).Create(t.Context(), targets.Draft{Title: "no marker"})
	require.Equal(t, fault.Internal, fault.KindOf(err))
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
	require.Empty(t, b.server.Issues(t, ""))
}

// testFailedReads: what a driver looks up before a create makes nothing,
// however it fails.
func testFailedReads(t *testing.T, b *bench) {
	for name, do := range map[string]Behaviour{"500": {Status: 500}, "504": {Status: 504}, "cut": {Cut: true}, "web page": {Status: 200, Body: func(*http.Request) string { return "<html>" }}} {
		t.Run(name, func(t *testing.T) {
			target := b.open(t, b.server.Mine)
			isRead := b.h.Reads
			if isRead == nil {
				isRead = Reads
			}
			b.proxy.On(isRead, do)
			draft := newDraft()
			made, err := target.Create(t.Context(), draft)
			reads := b.proxy.Hits()
			b.proxy.Off()
			if reads == 0 {
				require.NoError(t, err, "it needs no reads")
				return
			}
			if err == nil { // it reads afterwards only, which takes nothing from what was made
				require.NotEmpty(t, made.ID)
				require.Len(t, b.server.Issues(t, draft.Marker), 1)
				return
			}
			require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err), err)
			assertPublic(t, target, err)
			require.Empty(t, b.server.Issues(t, draft.Marker))
		})
	}
}

func testRedirect(t *testing.T, b *bench) {
	var visits atomic.Int32
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	t.Cleanup(thief.Close)
	target := b.mine(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		b.proxy.On(Any, Behaviour{Status: status, Header: http.Header{"Location": {thief.URL}}})
		require.Error(t, target.Check(t.Context()))
		_, err := target.Create(t.Context(), newDraft())
		require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err), err)
	}
	require.Zero(t, visits.Load(), "a redirect would carry the credentials away")
}

func testCancel(t *testing.T, b *bench) {
	target := b.mine(t)
	t.Run("before", func(t *testing.T) {
		b.proxy.On(Any, Behaviour{Status: 500})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := target.Create(ctx, newDraft())
		require.Equal(t, fault.Canceled, fault.KindOf(err))
		require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
		require.Zero(t, b.proxy.Hits())
	})
	for name, pass := range map[string]bool{"the tracker had created": true, "the tracker had not": false} {
		t.Run(name, func(t *testing.T) {
			b.proxy.On(b.h.Creates, Behaviour{Pass: pass, Hold: true})
			draft := newDraft()
			err := b.cancelled(t, func(ctx context.Context) error { _, err := target.Create(ctx, draft); return err })
			require.Equal(t, fault.Canceled, fault.KindOf(err), err)
			require.Equal(t, targets.OutcomeUnknown, targets.OutcomeOf(err))
			b.proxy.Off()
			if pass && finds(target) {
				require.NotNil(t, find(t, target, draft.Marker))
			}
		})
	}
	t.Run("look-up", func(t *testing.T) {
		b.needsFind(t)
		b.proxy.On(Any, Behaviour{Hold: true})
		err := b.cancelled(t, func(ctx context.Context) error { _, err := target.Find(ctx, newMarker()); return err })
		require.Equal(t, fault.Canceled, fault.KindOf(err), err)
	})
}

// cancelled runs do and cancels its context once the proxy has struck.
func (b *bench) cancelled(t *testing.T, do func(context.Context) error) error {
	t.Helper()
	select {
	case <-b.proxy.Struck: // left over from an earlier request
	default:
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	select {
	case <-b.proxy.Struck:
	case err := <-done:
		t.Fatalf("ended before the request arrived: %v", err)
	}
	cancel(errors.New("the lease was lost"))
	err := <-done
	require.ErrorContains(t, err, "the lease was lost", "it says why")
	return err
}

func testTooSlow(t *testing.T, b *bench) {
	target := b.mine(t, func(d *targets.Deps) { d.Timeout = short })
	b.proxy.On(b.h.Creates, Behaviour{Hold: true})
	_, err := target.Create(t.Context(), newDraft())
	require.Equal(t, fault.Timeout, fault.KindOf(err), err)
	require.Equal(t, targets.OutcomeUnknown, targets.OutcomeOf(err))
	require.ErrorContains(t, err, "this plugin's limit of 400ms", "it says whose limit it was")
	assertPublic(t, target, err)

	b.needsFind(t)
	b.proxy.On(Any, Behaviour{Hold: true})
	_, err = target.Find(t.Context(), newMarker())
	require.Equal(t, fault.Timeout, fault.KindOf(err), err)

	ctx, cancel := context.WithTimeout(t.Context(), short/2)
	defer cancel()
	_, err = target.Find(ctx, newMarker())
	require.Equal(t, fault.Timeout, fault.KindOf(err), err)
	require.ErrorContains(t, err, "the caller's own deadline")
}

// testSecrets has the tracker repeat everything that it was sent; the bench
// searches what comes of it.
func testSecrets(t *testing.T, b *bench) {
	target := b.mine(t)
	for field, s := range b.server.Mine.Credentials {
		echo := func(r *http.Request) string {
			return fmt.Sprintf(`{"errors":["bad %s"],"message":%q,"error":"%s"}`, s.Reveal(), fmt.Sprint(r.Header), s.Reveal())
		}
		header := http.Header{"X-Request-Id": {s.Reveal()}, "Location": {"/login?key=" + s.Reveal()}}
		for _, status := range []int{200, 201, 302, 400, 401, 403, 422, 429, 500, 503} {
			b.proxy.On(Any, Behaviour{Status: status, Header: header, Body: echo})
			_, err := target.Create(t.Context(), newDraft())
			require.Error(t, err, field)
			require.NotContains(t, strings.ToLower(fault.From(err).Public), strings.ToLower(s.Reveal()))
			if finds(target) {
				_, err = target.Find(t.Context(), newMarker())
				require.Error(t, err, "an answer without a list is not an empty list")
			}
			require.Error(t, target.Check(t.Context()))
		}
	}
}
