package targettest

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/targets"
)

// create makes n issues and returns their ids.
func create(t *testing.T, target *targets.Target, n int) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		made, err := target.Create(t.Context(), newDraft())
		require.NoError(t, err)
		ids[i] = made.ID
	}
	return ids
}

// readMany reads issues at once, and checks what holds for every result.
func readMany(t *testing.T, target *targets.Target, ids []string) []targets.ReadResult {
	t.Helper()
	got := target.ReadMany(t.Context(), ids)
	require.Len(t, got, len(ids))
	for i, r := range got {
		require.Equal(t, ids[i], r.ID, "in the order given")
		require.Equal(t, targets.VerdictOf(r.Issue, r.Err), r.Verdict)
		if r.Err == nil {
			require.Equal(t, ids[i], r.Issue.ID)
		} else {
			assertPublic(t, target, r.Err)
		}
	}
	return got
}

// assertAsRead compares a result with what Read returns of the issue.
func assertAsRead(t *testing.T, target *targets.Target, r targets.ReadResult, name string) {
	t.Helper()
	read, _, err := target.Read(t.Context(), r.ID)
	require.Equal(t, read, r.Issue, name)
	require.Equal(t, targets.VerdictOf(read, err), r.Verdict, "%s: %v", name, r.Err)
}

func testReadMany(t *testing.T, b *bench) {
	target := b.mine(t)
	needsRead(t, target)
	ids := create(t, target, 3)
	got := readMany(t, target, []string{ids[2], ids[0], "999999999", ids[1], ids[0], "no/such?id=1#x"})
	for i, r := range got {
		if i == 2 || i == 5 {
			require.Contains(t, []targets.Verdict{targets.VerdictHidden, targets.VerdictGone}, r.Verdict, r.Err)
			continue
		}
		require.NoError(t, r.Err)
		assertAsRead(t, target, r, "a known issue")
	}
	others := readMany(t, b.open(t, b.server.Other), ids)
	for i := range others {
		assertAsRead(t, b.open(t, b.server.Other), others[i], "another tenant's issue")
	}
}

// testReadManyFates reads an issue of each fate at once with another one.
func testReadManyFates(t *testing.T, b *bench) {
	needsRead(t, b.mine(t))
	deleted := targets.VerdictGone
	if b.server.Fates.DeletedLooksHidden {
		deleted = targets.VerdictHidden
	}
	for _, c := range []struct {
		name   string
		happen func(Fates) func(*testing.T, string)
		want   targets.Verdict
	}{
		{"deleted", func(f Fates) func(*testing.T, string) { return f.Delete }, deleted},
		{"trashed", func(f Fates) func(*testing.T, string) { return f.Trash }, targets.VerdictTrashed},
		{"moved", func(f Fates) func(*testing.T, string) { return f.Move }, targets.VerdictMoved},
		{"hidden", func(f Fates) func(*testing.T, string) { return f.Hide }, targets.VerdictHidden},
	} {
		if c.happen(b.server.Fates) == nil {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			own := newBench(t, b.h)
			target := own.mine(t)
			ids := create(t, target, 3)
			c.happen(own.server.Fates)(t, ids[1])
			got := readMany(t, target, ids)
			require.Equal(t, c.want, got[1].Verdict, got[1].Err)
			for i, r := range got {
				assertAsRead(t, target, r, ids[i])
			}
		})
	}
}

// testReadThousand reads as many as one call takes.
func testReadThousand(t *testing.T, b *bench) {
	target := b.mine(t)
	needsRead(t, target)
	limit := target.ReadManyLimit()
	known := create(t, target, 2*limit+1)
	missing := []string{"999999998", "999999999"}
	ids := make([]string, targets.MaxReadMany-len(missing))
	for i := range ids {
		ids[i] = known[i%len(known)]
	}
	ids = append(ids, missing...)

	var asked atomic.Int64
	b.proxy.On(func(*http.Request) bool { asked.Add(1); return false }, Behaviour{})
	got := readMany(t, target, ids)
	const each = 5 // requests for one issue that is read alone
	if limit > 1 {
		require.LessOrEqual(t, int(asked.Load()), 3+each*len(missing), "a batch is one request")
	} else {
		require.LessOrEqual(t, int(asked.Load()), each*(len(known)+len(missing)), "an id is asked for once")
	}
	b.proxy.Off()
	for i, r := range got {
		if i < len(ids)-len(missing) {
			require.Equal(t, targets.VerdictPresent, r.Verdict, r.Err)
		} else {
			require.Contains(t, []targets.Verdict{targets.VerdictHidden, targets.VerdictGone}, r.Verdict, r.Err)
		}
	}

	t.Run("half of it fails", func(t *testing.T) {
		b.proxy.On(nth(2, Any), Behaviour{Status: http.StatusServiceUnavailable})
		defer b.proxy.Off()
		undecided := map[string]bool{}
		for _, r := range readMany(t, target, ids[:len(ids)-len(missing)]) {
			if r.Verdict == targets.VerdictUndecided {
				undecided[r.ID] = true
				continue
			}
			require.Equal(t, targets.VerdictPresent, r.Verdict, r.Err)
		}
		require.NotEmpty(t, undecided)
		require.LessOrEqual(t, len(undecided), limit, "the other batches are read")
	})
	t.Run("something in front", func(t *testing.T) {
		const page = "<html><head><title>404 Not Found</title></head><body>nginx</body></html>"
		defer b.proxy.Off()
		for name, c := range map[string]struct {
			do Behaviour
			// open is set for what the tracker itself may say of a place.
			open bool
		}{
			"404 page": {do: answer(404, "text/html", page)},
			"410 page": {do: answer(410, "text/html", page)},
			"502 page": {do: answer(502, "text/html", page)},
			"200 page": {do: answer(200, "text/html", page)},
			"404":      {do: Behaviour{Status: 404}, open: true},
			"no list":  {do: answer(200, "application/json", "{}"), open: true},
			"a list":   {do: answer(200, "application/json", "[]"), open: true},
			"null":     {do: answer(200, "application/json", "null"), open: true},
		} {
			b.proxy.On(Any, c.do)
			for _, r := range readMany(t, target, known[:3]) {
				require.Error(t, r.Err, name)
				require.NotEqual(t, targets.VerdictGone, r.Verdict, "%s: %v", name, r.Err)
				if !c.open {
					require.Equal(t, targets.VerdictIntermediary, r.Verdict, "%s: %v", name, r.Err)
				}
			}
		}
	})
}
