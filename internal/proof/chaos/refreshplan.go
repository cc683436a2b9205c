package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"pushbutton/internal/pbapi/pbfake"
)

// changeKind names what people do to an issue or a button, or what befalls a
// project for a while.
type changeKind string

// The kinds of changes.
const (
	changeStatus  changeKind = "status"
	changeTitle   changeKind = "rename"
	changeProject changeKind = "move"
	changeTrash   changeKind = "trash"
	changeRestore changeKind = "restore"
	changeDelete  changeKind = "delete"
	changeHide    changeKind = "hide"
	changeShow    changeKind = "show"
	changePush    changeKind = "push"
	changeUnlink  changeKind = "unlink"
	// These last for a while, and are of a whole project.
	changeRights     changeKind = "permission lost"
	changePages      changeKind = "foreign pages"
	changeCredential changeKind = "credential ended"
)

// change is one thing that happens in a run with -refresh.
type change struct {
	At     time.Duration
	Kind   changeKind
	Button int
	// N picks a value: a status, a page, one of what is in the trash.
	N int
	// For is how long that lasts which does not stay.
	For time.Duration
}

// quietIntegration is the integration whose issues nobody changes. What a sweep
// asks its tracker for is counted there.
const quietIntegration = 0

// spare is how many changes are planned for a hundred that are wanted.
const spare = 155

// refreshSize returns the size of a run with -refresh.
func refreshSize(short bool) size {
	if short {
		return size{Actions: 500, Entities: 180, Quiet: 120, Integrations: 5, Tenants: 5, APIs: 2, Workers: 3, Over: 30 * time.Second,
			Period: 2 * time.Second, Confirm: 4 * time.Second, Windows: 6, Freeze: 12 * time.Second,
			Events: map[kind]int{killWorker: 3, freezeWorker: 1, termWorker: 1, killAPI: 1, killRedis: 1}}
	}
	return size{Actions: 5000, Entities: 900, Quiet: 300, Integrations: 11, Tenants: 11, APIs: 2, Workers: 3, Over: 5 * time.Minute,
		Period: 3 * time.Second, Confirm: 15 * time.Second, Windows: 30,
		Events: map[kind]int{killWorker: 10, freezeWorker: 3, termWorker: 3, killAPI: 3, freezeAPI: 1, termAPI: 2, killRedis: 2, termRedis: 1}}
}

// refreshPlan is everything that a seed decides in a run with -refresh: plan with
// the buttons, the clicks that make their issues, and the events.
type refreshPlan struct {
	plan
	Changes []change
}

// makeRefreshPlan makes the plan of a seed. The first buttons are those of the
// quiet integration.
func makeRefreshPlan(seed uint64, s size) refreshPlan {
	r := rand.New(rand.NewPCG(seed, 0x4ef4e5)) //nolint:gosec // repeatable on purpose
	var p refreshPlan
	const pushEvery = 30 * time.Millisecond
	for e := range s.Entities {
		b := button{quietIntegration, e}
		if e >= s.Quiet {
			b.Integration = 1 + e%(s.Integrations-1)
		}
		p.Buttons = append(p.Buttons, b)
		p.Clicks = append(p.Clicks, click{At: time.Duration(e) * pushEvery, Button: e, Trigger: pbfake.Push})
	}
	for n := 0; n < s.Windows; n++ {
		lasts := s.Confirm + time.Duration(r.Int64N(int64(2*s.Confirm)))
		p.Changes = append(p.Changes, change{At: time.Duration(r.Int64N(int64(s.Over - lasts))), Kind: []changeKind{changeRights, changePages, changeCredential}[n%3],
			Button: p.busy(r, s), N: r.IntN(foreignPages), For: lasts})
	}
	// Some find nothing to change by then.
	for len(p.Changes) < s.Actions*spare/100+s.Windows {
		p.Changes = append(p.Changes, p.deed(r, s)...)
	}
	slices.SortStableFunc(p.Changes, func(a, b change) int { return cmp.Compare(a.At, b.At) })
	p.Events = events(r, s)
	return p
}

// busy picks a button whose issue may be changed.
func (p *refreshPlan) busy(r *rand.Rand, s size) int { return s.Quiet + r.IntN(len(p.Buttons)-s.Quiet) }

// deed returns what somebody does: one change, or a change and a click while a
// sweep may be reading it.
func (p *refreshPlan) deed(r *rand.Rand, s size) []change {
	c := change{At: time.Duration(r.Int64N(int64(s.Over))), Button: p.busy(r, s), N: r.IntN(1_000_000)}
	after := func(kind changeKind) change {
		d := c
		d.Kind, d.At = kind, c.At+time.Duration(r.Int64N(int64(s.Period)))
		return d
	}
	switch n := r.IntN(100); {
	case n < 28:
		c.Kind = changeStatus
	case n < 44:
		c.Kind = changeTitle
	case n < 54:
		c.Kind = changeProject
	case n < 63:
		c.Kind = changeTrash
	case n < 69:
		c.Kind = changeRestore
	case n < 74:
		c.Kind = changeDelete
	case n < 84: // far more often than shown again, so that many stay hidden
		c.Kind = changeHide
	case n < 86:
		c.Kind = changeShow
	case n < 92:
		c.Kind = changePush
	case n < 97: // unlinked while a sweep reads the change
		c.Kind = changeStatus
		return []change{c, after(changeUnlink)}
	default: // and pushed again
		c.Kind = changeTitle
		u := after(changeUnlink)
		again := u
		again.Kind, again.At = changePush, u.At+time.Duration(r.Int64N(int64(s.Period)))
		return []change{c, u, again}
	}
	return []change{c}
}

// archive names the project that issues of an integration are moved to.
func archive(i int) string { return fmt.Sprintf("archive%02d", i) }

// resets reports whether an integration's buttons go back to initial when their
// issues were deleted.
func resets(i int) bool { return i%5 == 4 }
