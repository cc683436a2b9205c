package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/targets/memtarget"
)

const testAddress = "http://tracker.example/tracker"

// followedRig is the books of one button with one issue that is as it shows; the
// cases spoil it.
func followedRig(integration int) followedBooks {
	r := rig{books{Plan: plan{Buttons: []button{{0, 0}}}}}
	r.Plan.Buttons[0].Integration = integration
	for range integration + 1 {
		r.Integrations, r.Own, r.Tenants = append(r.Integrations, "pb"), append(r.Own, "own"), append(r.Tenants, "tenant")
	}
	r.Entities = []string{"entity"}
	r.click(0, pbfake.Push, "")
	b := followedBooks{books: r.books, fates: &fates{of: map[string][]fate{}}, confirm: 10 * time.Second, address: testAddress}
	b.Issues = []memtarget.Record{{ID: "1", Key: "K-1", Project: "p", Title: "A title", Status: memtarget.StatusStarted}}
	b.Creates = []memtarget.Entry{{IssueID: "1", At: noon, Marker: string(connections.MarkerFor(connections.Key{Integration: "own", Entity: "entity"}, 1))}}
	b.show(pbfake.State{Name: pbfake.StateConnected, Label: memtarget.StatusStarted, HoverLabel: "K-1", Tooltip: "K-1: A title", Color: "yellow",
		TargetURL: testAddress + "/projects/p/issues/1"})
	return b
}

func (b *followedBooks) show(s pbfake.State) {
	b.Shown = []pbfake.Connection{{IntegrationID: "pb", EntityID: "entity", State: s}}
	b.Events = append(b.Events, pbfake.Event{Kind: pbfake.EventWrite, Time: noon.Add(time.Minute), IntegrationID: "pb", EntityID: "entity", State: &s})
}

func (b *followedBooks) sayDeleted() {
	s := b.Shown[0].State
	s.Label, s.Color = "Deleted", "gray"
	b.show(s)
}

func (b *followedBooks) trash(from, to float64) {
	f := fate{From: noon.Add(time.Duration(from * float64(time.Second)))}
	if to > 0 {
		f.To = noon.Add(time.Duration(to * float64(time.Second)))
	}
	b.fates.of["1"] = append(b.fates.of["1"], f)
	b.Issues[0].Trashed = to == 0
}

func TestCheckFollowed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		integration int
		spoil       func(b *followedBooks)
		want        []string
	}{
		"as its issue":   {0, func(*followedBooks) {}, nil},
		"another status": {0, func(b *followedBooks) { b.Issues[0].Status = memtarget.StatusDone }, []string{stale}},
		"another title":  {0, func(b *followedBooks) { b.Issues[0].Title = "Another" }, []string{stale}},
		"moved":          {0, func(b *followedBooks) { b.Issues[0].Project = "q" }, []string{stale}},
		"deleted, and says so": {0, func(b *followedBooks) {
			b.trash(20, 0)
			b.sayDeleted()
		}, nil},
		"deleted, and does not say so":    {0, func(b *followedBooks) { b.trash(20, 0) }, []string{stale}},
		"says so of one that is there":    {0, func(b *followedBooks) { b.sayDeleted() }, []string{falsely, stale}},
		"says so too early":               {0, func(b *followedBooks) { b.trash(51, 0); b.sayDeleted() }, []string{falsely}},
		"said so of one that came back":   {0, func(b *followedBooks) { s := b.Shown[0].State; b.trash(20, 40); b.sayDeleted(); b.show(s) }, nil},
		"said so, and was away too short": {0, func(b *followedBooks) { s := b.Shown[0].State; b.trash(20, 25); b.sayDeleted(); b.show(s) }, []string{falsely}},
		"reset":                           {4, func(b *followedBooks) { b.trash(20, 0); b.Shown = nil }, nil},
		"reset although it is there":      {4, func(b *followedBooks) { b.Shown = nil }, []string{lost}},
		"deleted, and not reset":          {4, func(b *followedBooks) { b.trash(20, 0); b.sayDeleted() }, []string{stale}},
		"two issues of one push":          {0, func(b *followedBooks) { b.Creates = append(b.Creates, b.Creates[0]) }, []string{duplicates, duplicates, wrong}},
		"a stranger's issue":              {0, func(b *followedBooks) { b.Creates = append(b.Creates, memtarget.Entry{Marker: "x"}) }, []string{stranger}},
		"an unlink was undone": {0, func(b *followedBooks) {
			r := rig{b.books}
			r.click(30, pbfake.Unlink, "")
			b.books = r.books
		}, []string{wrong, undone}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := followedRig(c.integration)
			c.spoil(&b)
			var got []string
			for _, v := range b.check() {
				got = append(got, v.Kind)
			}
			require.ElementsMatch(t, c.want, got)
		})
	}
}

// The same seed makes the same plan, and nobody touches the quiet integration.
func TestRefreshPlan(t *testing.T) {
	t.Parallel()
	s := refreshSize(true)
	p := makeRefreshPlan(7, s)
	require.Equal(t, p, makeRefreshPlan(7, s))
	require.NotEqual(t, p, makeRefreshPlan(8, s))
	require.Greater(t, len(p.Changes), s.Actions)
	kinds := map[changeKind]int{}
	for _, c := range p.Changes {
		require.NotEqual(t, quietIntegration, p.Buttons[c.Button].Integration)
		kinds[c.Kind]++
	}
	require.Len(t, kinds, 13)
}
