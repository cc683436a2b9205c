package targettest

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
)

// attempt is one way of reaching an issue that is known by its id.
type attempt struct {
	name string
	run  func() (able bool, verdict targets.Verdict, err error)
}

// attempts are what can be tried on a known issue: reading first, and closing
// last. A driver that cannot read has no verdicts.
func attempts(t *testing.T, target *targets.Target, id string) []attempt {
	t.Helper()
	return []attempt{
		{"read", func() (bool, targets.Verdict, error) {
			issue, able, err := target.Read(t.Context(), id)
			return able, targets.VerdictOf(issue, err), err
		}},
		{"read many", func() (bool, targets.Verdict, error) {
			r := target.ReadMany(t.Context(), []string{id})[0]
			return canRead(target), r.Verdict, r.Err
		}},
		{"comment", func() (bool, targets.Verdict, error) {
			able, err := target.Comment(t.Context(), id, "A remark.")
			return able, targets.VerdictOf(targets.Issue{}, err), err
		}},
		{"update", func() (bool, targets.Verdict, error) {
			issue, able, err := target.Update(t.Context(), id, newDraft())
			return able, targets.VerdictOf(issue, err), err
		}},
		{"close", func() (bool, targets.Verdict, error) {
			able, err := target.Close(t.Context(), id)
			return able, targets.VerdictOf(targets.Issue{}, err), err
		}},
	}
}

// canRead reports whether a target can read an issue. Nobody is asked.
func canRead(target *targets.Target) bool {
	ended, end := context.WithCancel(context.Background())
	end()
	_, able, _ := target.Read(ended, "1")
	return able
}

// needsRead skips a case for a target that cannot read an issue.
func needsRead(t *testing.T, target *targets.Target) {
	t.Helper()
	if !canRead(target) {
		t.Skip("the driver cannot read an issue")
	}
}

// assertVerdict makes every attempt and expects the same verdict of each.
func assertVerdict(t *testing.T, target *targets.Target, id string, want targets.Verdict) {
	t.Helper()
	for _, a := range attempts(t, target, id) {
		able, got, err := a.run()
		if !able {
			continue
		}
		require.Equal(t, want, got, "%s: %v", a.name, err)
		require.Error(t, err, a.name)
		assertPublic(t, target, err)
	}
}

func newIssue(t *testing.T, b *bench) (*targets.Target, targets.Issue) {
	t.Helper()
	target := b.mine(t)
	needsRead(t, target)
	made, err := target.Create(t.Context(), newDraft())
	require.NoError(t, err)
	return target, made
}

// testFates makes sure that no case below is left out by forgetting.
func testFates(t *testing.T, b *bench) {
	needsRead(t, b.mine(t))
	f := b.server.Fates
	for name, missing := range map[string]bool{
		"Delete": f.Delete == nil, "Trash": f.Trash == nil, "Move": f.Move == nil, "Hide": f.Hide == nil,
		"EndToken": f.EndToken == nil, "LoseProject": f.LoseProject == nil, "DisableIssues": f.DisableIssues == nil,
	} {
		require.Equal(t, missing, f.Never[name] != "", "Fates.%s: either it can happen, or Fates.Never says why not", name)
	}
}

// fate skips a case that the tracker cannot come to.
func fate[F any](t *testing.T, b *bench, name string, happen F, missing bool) F {
	t.Helper()
	if missing {
		t.Skip(b.server.Fates.Never[name])
	}
	return happen
}

func testDeleted(t *testing.T, b *bench) {
	target, made := newIssue(t, b)
	fate(t, b, "Delete", b.server.Fates.Delete, b.server.Fates.Delete == nil)(t, made.ID)
	want := targets.VerdictGone
	if b.server.Fates.DeletedLooksHidden {
		want = targets.VerdictHidden
	}
	assertVerdict(t, target, made.ID, want)
}

func testTrashed(t *testing.T, b *bench) {
	target, made := newIssue(t, b)
	fate(t, b, "Trash", b.server.Fates.Trash, b.server.Fates.Trash == nil)(t, made.ID)
	got, _, err := target.Read(t.Context(), made.ID)
	require.NoError(t, err)
	require.Equal(t, targets.VerdictTrashed, targets.VerdictOf(got, nil))
	require.Equal(t, made.ID, got.ID)
	for _, a := range attempts(t, target, made.ID)[1:] {
		_, verdict, err := a.run()
		require.NotEqual(t, targets.VerdictGone, verdict, "%s: %v", a.name, err)
	}
}

func testMoved(t *testing.T, b *bench) {
	target, made := newIssue(t, b)
	fate(t, b, "Move", b.server.Fates.Move, b.server.Fates.Move == nil)(t, made.ID)
	for range 2 { // the second time by the id that the first one returned
		got, _, err := target.Read(t.Context(), made.ID)
		require.NoError(t, err)
		require.Equal(t, targets.VerdictMoved, targets.VerdictOf(got, nil))
		require.Equal(t, made.ID, got.ID, "the id that the record holds leads there again")
		require.NotEqual(t, made.Key+made.URL, got.Key+got.URL, "the key or the address is new")
	}
	for _, a := range attempts(t, target, made.ID)[1:] {
		_, verdict, err := a.run()
		require.NotEqual(t, targets.VerdictGone, verdict, "%s: %v", a.name, err)
	}
}

func testHidden(t *testing.T, b *bench) {
	target, made := newIssue(t, b)
	fate(t, b, "Hide", b.server.Fates.Hide, b.server.Fates.Hide == nil)(t, made.ID)
	assertVerdict(t, target, made.ID, targets.VerdictHidden)
}

func testEndedToken(t *testing.T, b *bench) {
	target, made := newIssue(t, b)
	fate(t, b, "EndToken", b.server.Fates.EndToken, b.server.Fates.EndToken == nil)(t)
	assertVerdict(t, target, made.ID, targets.VerdictCredentialRefused)
	_, err := target.Find(t.Context(), newMarker())
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "an empty list is not \"no issue\": %v", err)
	_, err = target.Create(t.Context(), newDraft())
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), err)
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err), err)
	require.Equal(t, fault.Unauthorized, fault.KindOf(target.Check(t.Context())))
}

func testLostProject(t *testing.T, b *bench) {
	target, made := newIssue(t, b)
	fate(t, b, "LoseProject", b.server.Fates.LoseProject, b.server.Fates.LoseProject == nil)(t)
	assertVerdict(t, target, made.ID, targets.VerdictHidden)
}

func testDisabledIssues(t *testing.T, b *bench) {
	target, made := newIssue(t, b)
	fate(t, b, "DisableIssues", b.server.Fates.DisableIssues, b.server.Fates.DisableIssues == nil)(t)
	assertVerdict(t, target, made.ID, targets.VerdictHidden)
}

// first matches the first request only: whatever is in front recovers at once,
// so that project and credential are checked behind it.
func first() func(*http.Request) bool {
	var seen atomic.Int64
	return func(*http.Request) bool { return seen.Add(1) == 1 }
}

func answer(status int, contentType, body string) Behaviour {
	return Behaviour{Status: status, Header: http.Header{"Content-Type": {contentType}}, Body: func(*http.Request) string { return body }}
}

// testIntermediary puts answers in front of the tracker that it never wrote.
func testIntermediary(t *testing.T, b *bench) {
	target, made := newIssue(t, b)
	const page = "<html><head><title>404 Not Found</title></head><body>nginx</body></html>"
	for _, c := range []struct {
		name string
		do   Behaviour
		// open is set where the body could be the tracker's own for all that can
		// be seen in it; what matters is that nothing is given up.
		open bool
	}{
		{name: "404 page", do: answer(404, "text/html", page)},
		{name: "403 page", do: answer(403, "text/html", page)},
		{name: "410 page", do: answer(410, "text/html", page)},
		{name: "502 page", do: answer(502, "text/html", page)},
		{name: "404 of a gateway", do: answer(404, "application/json", `{"message":"no Route matched with those values","request_id":"8f2"}`), open: true},
		{name: "404 in plain text", do: answer(404, "text/plain", "default backend - 404"), open: true},
		{name: "404 without a body", do: Behaviour{Status: 404}, open: true},
		{name: "200 page", do: answer(200, "text/html", page)},
	} {
		for name, match := range map[string]func() func(*http.Request) bool{"always": func() func(*http.Request) bool { return Any }, "once": first} {
			if b.server.Fates.Wordless && c.do.Body == nil && name == "once" {
				continue // it looks just like the tracker's own
			}
			t.Run(c.name+", "+name, func(t *testing.T) {
				b.proxy.Off()
				for _, a := range attempts(t, target, made.ID) {
					b.proxy.On(match(), c.do)
					able, verdict, err := a.run()
					if !able {
						continue
					}
					if (c.do.Status == 200 || a.name == "read many") && name == "once" && err == nil {
						continue // it asked for something else first, or in another way, and could do without
					}
					require.Error(t, err, a.name)
					assertPublic(t, target, err)
					require.NotContains(t, []targets.Verdict{targets.VerdictGone, targets.VerdictPresent, targets.VerdictMoved, targets.VerdictTrashed}, verdict, "%s: %v", a.name, err)
					if !c.open && a.name == "read" {
						require.Equal(t, targets.VerdictIntermediary, verdict, "%s: %v", a.name, err)
					}
				}
			})
		}
	}
	b.proxy.Off()
	got, able, err := target.Read(t.Context(), made.ID)
	require.True(t, able)
	require.NoError(t, err, "the issue was there all the time")
	require.Equal(t, made.ID, got.ID)
}
