package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/targets/memtarget"
)

// The kinds of violations of a run with -refresh, beside the others.
const (
	falsely = "falsely-deleted" // a button that said so of an issue that was not
	stale   = "stale"           // a button that is not as its issue
	undone  = "undone"          // a click that a reading took back
	costly  = "costly"          // too many calls of the tracker
)

// followedBooks is all that is known from outside at rest.
type followedBooks struct {
	books
	fates   *fates
	confirm time.Duration
	// address is the tracker's, as links begin with it.
	address string
}

// saysDeleted reports whether a button says that its issue was deleted.
func saysDeleted(s *pbfake.State) bool {
	return s != nil && s.Name == pbfake.StateConnected && s.Label == "Deleted"
}

// check holds the books against the promises.
func (b followedBooks) check() []violation {
	views := b.views()
	issues := map[string]memtarget.Record{}
	for _, i := range b.Issues {
		issues[i.ID] = i
	}
	made := map[string][]memtarget.Entry{}
	for _, c := range b.Creates {
		made[c.Marker] = append(made[c.Marker], c)
	}
	out := b.history()
	known := 0
	for _, v := range views {
		creates, found := v.creates(made)
		known += len(creates)
		out = append(out, found...)
		out = append(out, b.button(v, creates, issues)...)
	}
	if known != len(b.Creates) {
		out = append(out, violation{Kind: stranger, Detail: fmt.Sprintf("%d issues belong to no push", len(b.Creates)-known)})
	}
	return out
}

// history finds buttons that once said falsely that their issues were deleted.
func (b followedBooks) history() []violation {
	var out []violation
	for _, e := range b.Events {
		if e.Kind != pbfake.EventWrite || !saysDeleted(e.State) {
			continue
		}
		if id := path.Base(e.State.TargetURL); !b.fates.confirmed(id, e.Time, b.confirm) {
			v := violation{Kind: falsely, Entity: e.EntityID, Detail: fmt.Sprintf("at %s the button said that issue %s was deleted", stamp(e.Time), id)}
			if i := slices.Index(b.Integrations, e.IntegrationID); i >= 0 {
				v.Integration = b.Own[i]
			}
			out = append(out, v)
		}
	}
	return out
}

// creates lists the creates of a button in their order. Each marker may have one,
// and each push.
func (v *view) creates(made map[string][]memtarget.Entry) ([]memtarget.Entry, []violation) {
	var all []memtarget.Entry
	var out []violation
	pushes := 0
	for _, c := range v.clicks {
		if c.Trigger == pbfake.Push {
			pushes++
		}
	}
	for epoch := 1; epoch <= 2*len(v.clicks)+1; epoch++ {
		of := made[string(connections.MarkerFor(v.key, epoch))]
		if len(of) > 1 {
			out = append(out, v.violation(duplicates, "%d creates for epoch %d", len(of), epoch))
		}
		all = append(all, of...)
	}
	if len(all) > pushes {
		out = append(out, v.violation(duplicates, "%d issues for %d pushes", len(all), pushes))
	}
	return all, out
}

// button finds what is wrong with one button.
func (b followedBooks) button(v *view, creates []memtarget.Entry, issues map[string]memtarget.Record) []violation {
	var out []violation
	add := func(kind, format string, args ...any) { out = append(out, v.violation(kind, format, args...)) }
	wanted := v.possible(b.Happened)
	reset := false
	if n := len(creates); n > 0 && resets(v.Integration) && b.fates.confirmed(creates[n-1].IssueID, time.Now(), b.confirm) {
		wanted, reset = append(wanted, pbfake.StateInitial), true
	}
	if !slices.Contains(wanted, v.shown.Name) && !isOwnError(v.shown.Message) {
		kind := wrong
		if v.shown.Name == pbfake.StateInitial {
			kind = lost
		}
		add(kind, "the button is %s, but after the clicks it must be %s", v.shown.Name, strings.Join(wanted, " or "))
	}
	switch v.shown.Name {
	case pbfake.StateProgress:
		add(stuck, "the button is in progress")
	case pbfake.StateError:
		if v.shown.Message == "" {
			add(wrong, "the button is in error without a message")
		}
	case pbfake.StateConnected:
		id := path.Base(v.shown.TargetURL)
		n := slices.IndexFunc(creates, func(c memtarget.Entry) bool { return c.IssueID == id })
		switch {
		case n < 0:
			add(wrong, "no issue of this button is at %s", v.shown.TargetURL)
		case n != len(creates)-1:
			add(wrong, "the button shows issue %s, and there is a later one", id)
		case v.unlinkedSince(creates[n].At):
			add(undone, "the button shows issue %s, which was unlinked", id)
		}
		if problem := b.follows(v, id, issues, reset); problem != "" {
			add(stale, "%s", problem)
		}
	}
	return out
}

// unlinkedSince reports whether an unlink that was answered began after a moment.
func (v *view) unlinkedSince(at time.Time) bool {
	return slices.ContainsFunc(v.clicks, func(c clicked) bool {
		return c.Trigger == pbfake.Unlink && c.answered() && c.Start.After(at)
	})
}

// follows says how a connected button differs from its issue.
func (b followedBooks) follows(v *view, id string, issues map[string]memtarget.Record, reset bool) string {
	issue, there := issues[id]
	if !there || issue.Trashed {
		switch {
		case reset:
			return "issue " + id + " was deleted, and the button is not reset"
		case !saysDeleted(&v.shown) || v.shown.Color != "gray":
			return fmt.Sprintf("issue %s was deleted, and the button says %q (%s)", id, v.shown.Label, v.shown.Color)
		default:
			return ""
		}
	}
	want := pbfake.State{Name: pbfake.StateConnected, Label: issue.Status, HoverLabel: issue.Key, Tooltip: issue.Key + ": " + issue.Title,
		Color:     map[string]string{memtarget.StatusOpen: "blue", memtarget.StatusStarted: "yellow", memtarget.StatusDone: "green"}[issue.Status],
		TargetURL: b.address + "/projects/" + issue.Project + "/issues/" + issue.ID}
	if v.shown != want {
		return fmt.Sprintf("the button is %+v, and its issue %+v", v.shown, want)
	}
	return ""
}
