package targettest

import (
	"maps"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/richtext"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

func testCheck(t *testing.T, b *bench) {
	target := b.open(t, b.server.Mine)
	require.NoError(t, target.Check(t.Context()))
	require.Empty(t, b.server.Issues(t, ""), "a check creates nothing")
	require.NotEmpty(t, target.Traits().Name)
	require.Equal(t, b.h.Kind.Type, target.Type())
}

func testCheckWrongCredentials(t *testing.T, b *bench) {
	for field := range b.server.Mine.Credentials {
		wrong := b.server.Mine
		wrong.Credentials = map[string]secret.String{}
		maps.Copy(wrong.Credentials, b.server.Mine.Credentials)
		wrong.Credentials[field] = secret.New("wrong0123456789abcdef0123456789abcdef0123")
		if w, ok := b.h.Wrong[field]; ok {
			wrong.Credentials[field] = w
		}
		target := b.open(t, wrong)
		err := target.Check(t.Context())
		require.Error(t, err, field)
		require.Equal(t, fault.Unauthorized, fault.KindOf(err), err)
		assertPublic(t, target, err)

		// A look-up must not take "not allowed to see" for "none".
		if finds(target) {
			_, err = target.Find(t.Context(), newMarker())
			require.Error(t, err)
		}
		_, err = target.Create(t.Context(), newDraft())
		require.Error(t, err)
		require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
		require.Empty(t, b.server.Issues(t, ""))
	}
}

func testCheckWrongProject(t *testing.T, b *bench) {
	if b.server.WrongProject == nil {
		t.Skip("this tracker's settings name no project")
	}
	target := b.open(t, Account{Settings: b.server.WrongProject, Credentials: b.server.Mine.Credentials})
	err := target.Check(t.Context())
	require.Error(t, err)
	require.Contains(t, []fault.Kind{fault.NotFound, fault.Invalid, fault.Forbidden}, fault.KindOf(err))
	assertPublic(t, target, err)
	_, err = target.Create(t.Context(), newDraft())
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err), err)
}

func testCreateFind(t *testing.T, b *bench) {
	target := b.mine(t)
	draft := newDraft()
	made, err := target.Create(t.Context(), draft)
	require.NoError(t, err)
	require.NotEmpty(t, made.ID)
	require.NotEmpty(t, made.Key)
	require.NotEmpty(t, made.Status)
	require.True(t, strings.HasPrefix(made.URL, "http"), made.URL)
	require.Equal(t, draft.Title, made.Title)
	require.Equal(t, targets.Open, made.Progress)
	require.Len(t, b.server.Issues(t, draft.Marker), 1)
	b.needsFind(t)
	require.Equal(t, &made, find(t, target, draft.Marker), "created and found are the same")
}

func testPublic(t *testing.T, b *bench) {
	if b.server.SetPublic == nil {
		t.Skip("this server's project cannot be made public")
	}
	open := func(pushedBy string) *targets.Target {
		return b.open(t, Account{Credentials: b.server.Mine.Credentials, Settings: func(url string) map[string]any {
			return With(b.server.Mine.Settings(url), "pushedBy", pushedBy)
		}})
	}
	const warning = "settings.pushedBy"
	require.NotContains(t, open("full").Caveat(t.Context()), warning, "nobody else can read the project")
	b.server.SetPublic(t)
	require.Contains(t, open("full").Caveat(t.Context()), warning)
	require.NotContains(t, open("name").Caveat(t.Context()), warning)
	b.proxy.On(Any, Behaviour{Status: 500})
	require.NotContains(t, open("full").Caveat(t.Context()), warning, "nothing is claimed that the tracker did not say")
}

func testLookup(t *testing.T, b *bench) {
	target := b.mine(t)
	traits := target.Traits()
	require.Contains(t, targets.Lookups(), traits.Lookup)
	if traits.Exclusive {
		require.Equal(t, targets.LookupExact, traits.Lookup)
	}
	if traits.Lookup == targets.LookupExact {
		require.Zero(t, traits.Consistency, "an issue is never missed by its id")
	}
	if finds(target) {
		return // every case that looks an issue up
	}
	draft := newDraft()
	_, err := target.Create(t.Context(), draft)
	require.NoError(t, err)
	found, err := target.Find(t.Context(), draft.Marker)
	require.NoError(t, err)
	require.Nil(t, found)
	_, able, _ := target.FindAll(t.Context(), draft.Marker)
	require.False(t, able)
}

func testFindNothing(t *testing.T, b *bench) {
	b.needsFind(t)
	target := b.mine(t)
	_, err := target.Create(t.Context(), newDraft())
	require.NoError(t, err)
	found, err := target.Find(t.Context(), newMarker())
	require.NoError(t, err)
	require.Nil(t, found)
}

func testLag(t *testing.T, b *bench) {
	if b.server.SetLag == nil {
		t.Skip("this server's look-up cannot be made to lag")
	}
	target := b.mine(t)
	require.NotZero(t, target.Traits().Consistency)
	b.server.SetLag(t)
	draft := newDraft()
	made, err := target.Create(t.Context(), draft)
	require.NoError(t, err)
	early, err := target.Find(t.Context(), draft.Marker)
	require.NoError(t, err)
	require.Nil(t, early, "the lag is real")
	require.Equal(t, made.ID, find(t, target, draft.Marker).ID)
}

func testDuplicates(t *testing.T, b *bench) {
	b.needsFind(t)
	target := b.mine(t)
	draft := newDraft()
	first, err := target.Create(t.Context(), draft)
	require.NoError(t, err)
	second, err := target.Create(t.Context(), draft)
	if target.Traits().Exclusive {
		if err == nil {
			require.Equal(t, first, second, "the one that is there")
		} else {
			require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
		}
		require.Len(t, b.server.Issues(t, draft.Marker), 1)
		return
	}
	require.NoError(t, err)
	require.Equal(t, first.ID, find(t, target, draft.Marker).ID, "the oldest is found")
	all, able, err := target.FindAll(t.Context(), draft.Marker)
	require.NoError(t, err)
	if !able {
		t.Skip("the driver cannot list duplicates")
	}
	require.Len(t, all, 2)
	require.Equal(t, []string{first.ID, second.ID}, []string{all[0].ID, all[1].ID}, "oldest first")
}

func testIsolation(t *testing.T, b *bench) {
	b.needsFind(t)
	mine, other := b.mine(t), b.open(t, b.server.Other)
	require.NoError(t, other.Check(t.Context()))
	draft := newDraft()
	made, err := mine.Create(t.Context(), draft)
	require.NoError(t, err)
	require.NotNil(t, find(t, mine, draft.Marker))
	found, err := other.Find(t.Context(), draft.Marker)
	require.NoError(t, err)
	require.Nil(t, found, "another tenant's issue is not found")
	if _, able, err := other.Read(t.Context(), made.ID); able {
		require.Error(t, err, "another tenant's issue cannot be read")
		require.Contains(t, []fault.Kind{fault.NotFound, fault.Forbidden, fault.Gone}, fault.KindOf(err))
	}
	if able, err := other.Close(t.Context(), made.ID); able {
		require.Error(t, err, "another tenant's issue cannot be closed")
	}
	_, err = other.Create(t.Context(), draft)
	require.NoError(t, err)
	require.Len(t, b.server.Issues(t, draft.Marker), 1, "the other tenant's issue is in its own project")
	require.Equal(t, made.ID, find(t, mine, draft.Marker).ID)
}

func testConcurrency(t *testing.T, b *bench) {
	const workers, each = 6, 3
	target := b.mine(t)
	var mu sync.Mutex
	ids := map[string]targets.Marker{}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				draft := newDraft()
				made := settle(t, target, draft)
				mu.Lock()
				ids[made.ID] = draft.Marker
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Len(t, ids, workers*each, "every create made an issue of its own")
	require.Len(t, b.server.Issues(t, ""), workers*each)
	b.needsFind(t)
	for id, marker := range ids {
		found := find(t, target, marker)
		require.NotNil(t, found)
		require.Equal(t, id, found.ID)
	}
}

// settle creates an issue as the plugin does: a real server that is pressed
// hard (Redmine on SQLite) may answer 500, and then a look-up decides.
func settle(t *testing.T, target *targets.Target, draft targets.Draft) targets.Issue {
	t.Helper()
	const tries = 5
	for range tries {
		made, err := target.Create(t.Context(), draft)
		switch targets.OutcomeOf(err) {
		case targets.OutcomeDone:
			return made
		case targets.OutcomeNotDone:
			t.Error(err)
			return made
		case targets.OutcomeUnknown:
			found, err := target.Find(t.Context(), draft.Marker)
			if assert.NoError(t, err) && found != nil {
				return *found
			}
		}
	}
	assert.Fail(t, "no issue", "after %d tries", tries)
	return targets.Issue{}
}

func testRead(t *testing.T, b *bench) {
	target := b.mine(t)
	made, err := target.Create(t.Context(), newDraft())
	require.NoError(t, err)
	got, able, err := target.Read(t.Context(), made.ID)
	if !able {
		t.Skip("the driver cannot read")
	}
	require.NoError(t, err)
	require.Equal(t, made, got)
	for _, id := range []string{"999999999", "no/such?id=1#x", "../projects"} {
		_, _, err = target.Read(t.Context(), id)
		require.Error(t, err)
		require.Contains(t, []targets.Verdict{targets.VerdictHidden, targets.VerdictGone}, targets.VerdictOf(targets.Issue{}, err), err)
		assertPublic(t, target, err)
	}
}

func testResolve(t *testing.T, b *bench) {
	target := b.mine(t)
	made, err := target.Create(t.Context(), newDraft())
	require.NoError(t, err)
	_, able, _ := target.Resolve(t.Context(), made.Key)
	if !able {
		t.Skip("the driver cannot find an issue by its key")
	}
	u, err := url.Parse(made.URL)
	require.NoError(t, err)
	for _, name := range []string{made.Key, " " + made.Key + " ", made.URL, made.URL + "?from=mail#note_7", strings.Replace(made.URL, u.Host, strings.ToUpper(u.Host), 1)} {
		got, _, err := target.Resolve(t.Context(), name)
		require.NoError(t, err, name)
		require.Equal(t, made, got, name)
	}
	b.proxy.On(Any, Behaviour{Status: 500})
	for _, name := range []string{"", "no such thing", "x\x00y", "ftp://" + u.Host + u.Path, "https://jane:pw@" + u.Host + u.Path, strings.Repeat("7", 3000)} {
		_, _, err := target.Resolve(t.Context(), name)
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%q: %v", name, err)
		assertPublic(t, target, err)
	}
	require.Zero(t, b.proxy.Hits(), "nobody was asked")
	b.proxy.Off()
	for _, name := range []string{strings.Replace(made.URL, u.Host, "elsewhere.example", 1), "https://" + u.Host + "/no/such/page", "999999999", "../projects", made.Key + "/../1"} {
		_, _, err := target.Resolve(t.Context(), name)
		require.Error(t, err, name)
		require.Contains(t, []fault.Kind{fault.Invalid, fault.NotFound}, fault.KindOf(err), "%q: %v", name, err)
		assertPublic(t, target, err)
	}
	_, _, err = b.open(t, b.server.Other).Resolve(t.Context(), made.URL)
	require.Error(t, err, "another tenant's issue is not found")
	require.Contains(t, []fault.Kind{fault.Invalid, fault.NotFound, fault.Forbidden}, fault.KindOf(err), err)
}

func testComment(t *testing.T, b *bench) {
	target := b.mine(t)
	made, err := target.Create(t.Context(), newDraft())
	require.NoError(t, err)
	able, err := target.Comment(t.Context(), made.ID, "Unlinked in Productboard. *Not bold.* 🚀")
	if !able {
		t.Skip("the driver cannot comment")
	}
	require.NoError(t, err)
	_, err = target.Comment(t.Context(), "999999999", "lost")
	require.Contains(t, []targets.Verdict{targets.VerdictHidden, targets.VerdictGone}, targets.VerdictOf(targets.Issue{}, err), err)
}

func testClose(t *testing.T, b *bench) {
	target := b.mine(t)
	made, err := target.Create(t.Context(), newDraft())
	require.NoError(t, err)
	able, err := target.Close(t.Context(), made.ID)
	if !able {
		t.Skip("the driver cannot close")
	}
	require.NoError(t, err)
	_, err = target.Close(t.Context(), made.ID)
	require.NoError(t, err, "closing a closed one")
	if got, able, err := target.Read(t.Context(), made.ID); able {
		require.NoError(t, err)
		require.Equal(t, targets.Done, got.Progress)
		require.NotEqual(t, made.Status, got.Status)
	}
	_, err = target.Close(t.Context(), "999999999")
	require.Contains(t, []targets.Verdict{targets.VerdictHidden, targets.VerdictGone}, targets.VerdictOf(targets.Issue{}, err), err)
}

// A preview is what Create writes, and writes nothing itself.
func testPreview(t *testing.T, b *bench) {
	target := b.mine(t)
	draft := newDraft()
	shown, err := target.Preview(t.Context(), draft)
	require.NoError(t, err)
	require.Equal(t, draft.Title, shown.Title)
	require.Contains(t, shown.Text, "As they said.")
	require.NotEmpty(t, shown.Format)
	require.Empty(t, shown.Warnings)
	require.Empty(t, b.server.Issues(t, ""), "a preview creates nothing")

	draft.Title, draft.Description = "", richtext.Paragraph(richtext.Text(strings.Repeat("word ", 300_000)))
	shown, err = target.Preview(t.Context(), draft)
	require.NoError(t, err)
	require.Contains(t, shown.Warnings[0], "no title")
	if limit := target.Traits().Limits.Description; limit > 0 {
		require.Len(t, shown.Warnings, 2)
		require.Contains(t, shown.Warnings[1], "description is cut")
	}
}
