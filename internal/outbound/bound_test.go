package outbound

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/limits/jsonlimit"
	"pushbutton/internal/limits/memory"
)

// bomb is 4 MiB of empty objects as a list.
func bomb() string { return "[" + strings.Repeat("{},", 4<<20/3) + "{}]" }

// allocated is how many bytes f allocates, with what else the process does.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

type thing struct {
	Name, Text, Link string
	Tags             []string
	Owner            struct{ Name, Mail string }
}

// A few kilobytes on the wire must not become hundreds of megabytes here.
func TestAnswersOfEmptyObjectsCostWhatTheyAre(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer func() { _ = z.Close() }()
		_, _ = z.Write([]byte(bomb()))
	}))
	defer srv.Close()
	c := local(Options{})
	defer c.Close()
	for name, bound := range map[string]Bound{"one": {}, "a page": Items(100), "a large page": {Bytes: 8 << 20, Values: 10_000}} {
		var out []thing
		var err error
		cost := allocated(func() {
			_, err = c.Send(t.Context(), Call{Op: "list", Method: http.MethodGet, URL: srv.URL, Bound: bound, Into: &out})
		})
		require.ErrorAs(t, err, new(*OversizeError), name)
		require.ErrorIs(t, err, fault.Unavailable)
		require.True(t, fault.IsUnsure(err), "it may have been carried out")
		require.Empty(t, out)
		require.Less(t, cost, uint64(32<<20), "%s: the test's own server included", name)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	const status = "status"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get(status) != "" {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = w.Write([]byte(r.URL.Query().Get("body")))
	}))
	defer srv.Close()
	c := local(Options{})
	defer c.Close()
	send := func(body, query string, bound Bound, refine func(Reply, *fault.Error) *fault.Error) ([]int, error) {
		var out []int
		_, err := c.Send(t.Context(), Call{Op: "list", Method: http.MethodGet, URL: srv.URL + "/?body=" + body + query, Bound: bound, Into: &out, Refine: refine})
		return out, err
	}
	out, err := send("[1,2,3]", "", Bound{Bytes: 7, Values: 4}, nil)
	require.NoError(t, err)
	require.Equal(t, []int{1, 2, 3}, out)
	for what, bound := range map[string]Bound{"bytes": {Bytes: 6, Values: 4}, jsonlimit.Values: {Bytes: 7, Values: 3}} {
		out, err := send("[1,2,3]", "", bound, func(Reply, *fault.Error) *fault.Error {
			t.Error("nobody is to look at it")
			return nil
		})
		oversize := &OversizeError{}
		require.ErrorAs(t, err, &oversize)
		require.Equal(t, what, oversize.What)
		require.Empty(t, out)
	}
	_, err = send(strings.Repeat("[", 100)+strings.Repeat("]", 100), "", Bound{}, nil)
	oversize := &OversizeError{}
	require.ErrorAs(t, err, &oversize)
	require.Equal(t, OversizeError{What: jsonlimit.Levels, Limit: jsonlimit.MaxDepth}, *oversize)

	_, err = send(`{"a":1}`, "", Bound{}, nil)
	require.ErrorAs(t, err, new(*UnreadableError))
	require.True(t, fault.IsUnsure(err))
	out, err = send("[7]", "&"+status+"=403", Bound{}, nil)
	require.ErrorIs(t, err, fault.Forbidden)
	require.Empty(t, out, "a refusal is not what was asked for")
}

// A refusal stays what its status says, however large its body is, and what is
// left of that body is neither empty nor JSON.
func TestRefusalsAreCut(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"values": bomb(), "values apart": strings.Repeat("{}", 40_000), "a page": "<html>" + strings.Repeat("x", 1<<20), "a long text": `{"message":"` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(body))
		}))
		c := local(Options{})
		_, err := c.Send(t.Context(), Call{Op: "read", Method: http.MethodGet, URL: srv.URL, Bound: Items(10_000), Refine: func(r Reply, verdict *fault.Error) *fault.Error {
			require.NotEmpty(t, r.Body, name)
			require.True(t, strings.HasPrefix(body, string(r.Body)), name)
			require.LessOrEqual(t, len(r.Body), maxRefusal, name)
			require.False(t, json.Valid(r.Body), name)
			verdict.Err = errors.New("refined")
			return verdict
		}})
		require.ErrorIs(t, err, fault.NotFound, name)
		require.ErrorContains(t, err, "refined")
		c.Close()
		srv.Close()
	}
}

// Large answers of one tenant wait for memory, and do not keep another one's.
func TestLargeAnswersAskForMemory(t *testing.T) {
	t.Parallel()
	const kib = 1 << 10
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := 20
		if r.URL.Path == "/large" {
			n = 300 * kib
		}
		_, _ = w.Write([]byte(`["` + strings.Repeat("x", n) + `"]`))
	}))
	defer srv.Close()
	c := local(Options{})
	defer c.Close()
	budget := memory.NewBudget(8 << 20)
	begin := func(tenant string) (context.Context, func()) {
		ctx, end := budget.Begin(t.Context(), tenant)
		require.NoError(t, memory.Take(ctx, memory.Free), "nothing is free any more")
		return ctx, end
	}
	send := func(ctx context.Context, path string) error {
		var out []string
		_, err := c.Send(ctx, Call{Op: "list", Method: http.MethodPost, URL: srv.URL + path, Bound: Items(100), Into: &out})
		return err
	}
	greedy, endGreedy := begin("a")
	require.NoError(t, memory.Take(greedy, 4<<20), "its half")
	for tenant, refused := range map[string]bool{"a": true, "b": false} {
		ctx, end := begin(tenant)
		ctx, cancel := context.WithCancel(ctx)
		if refused {
			cancel() // it would wait
		}
		for range 20 { // what an answer weighs in the end is less than what its bound allows
			err := send(ctx, "/small")
			if refused {
				require.ErrorIs(t, err, fault.Canceled)
				break
			}
			require.NoError(t, err)
		}
		cancel()
		end()
	}
	other, endOther := begin("b")
	defer endOther()
	require.NoError(t, send(other, "/large"))
	require.NoError(t, memory.Take(other, 3<<20), "what its bound allowed and it did not need was given back")

	err := send(greedy, "/large")
	require.ErrorIs(t, err, fault.Unavailable)
	require.True(t, fault.IsUnsure(err), "it was sent, and its answer is not known")
	require.NotZero(t, fault.From(err).RetryAfter)
	endGreedy()
}
