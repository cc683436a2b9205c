package targettest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
)

const (
	// bombSize is how many bytes a bomb is; packed it is a thousandth of that.
	bombSize = 4 << 20
	// maxCost is the most that one operation may allocate, in bytes, whatever it
	// is answered: a bomb that is decoded takes more than ten times that.
	maxCost = 16 << 20
)

// stuffed is the tracker's own answer, with as many empty objects in its lists
// as make 4 MiB; without a list they become a member of their own, and where
// there is no object the whole answer.
func stuffed() func(io.Writer, []byte) {
	filling := strings.Repeat("{},", bombSize/3)
	return func(w io.Writer, body []byte) {
		lists, text := 0, false
		for i, c := range body {
			if c == '"' && (i == 0 || body[i-1] != '\\') {
				text = !text
			}
			if c == '[' && !text {
				lists++
			}
		}
		body = bytes.TrimSpace(body)
		switch {
		case lists == 0 && bytes.HasSuffix(body, []byte("}")) && len(body) > 2:
			_, _ = w.Write(body[:len(body)-1])
			write(w, `,"more":[`, filling, `{}]}`)
			return
		case lists == 0:
			write(w, "[", filling, "{}]")
			return
		}
		text = false
		from := 0
		for i, c := range body {
			if c == '"' && (i == 0 || body[i-1] != '\\') {
				text = !text
			}
			if c != '[' || text {
				continue
			}
			_, _ = w.Write(body[from : i+1])
			from = i + 1
			write(w, filling[:len(filling)/lists/3*3])
			if bytes.HasPrefix(bytes.TrimSpace(body[from:]), []byte("]")) {
				write(w, "{}")
			}
		}
		_, _ = w.Write(body[from:])
	}
}

func write(w io.Writer, texts ...string) {
	for _, text := range texts {
		_, _ = io.WriteString(w, text)
	}
}

// nth matches one request, the n-th of those that match.
func nth(n int64, match func(*http.Request) bool) func(*http.Request) bool {
	var seen atomic.Int64
	return func(r *http.Request) bool { return match(r) && seen.Add(1) == n }
}

// costs runs do and checks what it allocates, the suite's own servers included.
func costs(t *testing.T, name string, do func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(maxCost), name)
}

// testBombs answers with 4 MiB of empty objects: of bytes that is little, of
// memory hundreds of megabytes for whoever decodes them.
func testBombs(t *testing.T, b *bench) {
	answer := Behaviour{Pass: true, Change: stuffed()}
	t.Run("to each request of a check", func(t *testing.T) {
		const most = 20
		for n := int64(1); n <= most; n++ {
			target := b.open(t, b.server.Mine)
			b.proxy.On(nth(n, Any), answer)
			var err error
			costs(t, "check", func() { err = target.Check(t.Context()) })
			if b.proxy.Hits() == 0 {
				require.Greater(t, n, int64(1), "a check asks something")
				break
			}
			require.False(t, fault.IsUnsure(err), "a check changes nothing: %v", err)
			if err != nil {
				assertPublic(t, target, err)
			}
		}
	})
	b.proxy.Off()
	target := b.mine(t)
	t.Run("to a create", func(t *testing.T) {
		draft := newDraft()
		b.proxy.On(b.h.Creates, answer)
		var err error
		costs(t, "create", func() { _, err = target.Create(t.Context(), draft) })
		require.Error(t, err)
		require.Equal(t, targets.OutcomeUnknown, targets.OutcomeOf(err), err)
		require.Contains(t, fault.From(err).Public, "answered with more than", "it says what was wrong")
		assertPublic(t, target, err)
		b.proxy.Off()
		require.Len(t, b.server.Issues(t, draft.Marker), 1)
		if finds(target) {
			require.NotNil(t, find(t, target, draft.Marker), "found all the same")
		}
	})
	t.Run("to a look-up", func(t *testing.T) {
		b.needsFind(t)
		b.proxy.On(Any, answer)
		var err error
		costs(t, "find", func() { _, err = target.Find(t.Context(), newMarker()) })
		require.Error(t, err, "it is not an empty one")
		require.False(t, fault.IsUnsure(err), "a look-up changes nothing")
		assertPublic(t, target, err)
	})
	b.proxy.Off()
	made, err := target.Create(t.Context(), newDraft())
	require.NoError(t, err)
	list := "[" + strings.Repeat("{},", bombSize/3) + "{}]"
	for _, a := range attempts(t, target, made.ID) {
		for name, do := range map[string]Behaviour{"bomb": answer, "refusal": {Status: http.StatusNotFound, Body: func(*http.Request) string { return list }}} {
			b.proxy.On(Any, do)
			costs(t, a.name+": "+name, func() {
				_, verdict, _ := a.run()
				require.NotContains(t, []targets.Verdict{targets.VerdictGone, targets.VerdictTrashed}, verdict, "nothing is given up")
			})
		}
	}
	b.proxy.Off()
	got, able, err := target.Read(context.Background(), made.ID)
	if able {
		require.NoError(t, err, "the issue was there all the time")
		require.Equal(t, made.ID, got.ID)
	}
}
