package main

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/memtarget"
	"pushbutton/internal/tenants"
)

// The kinds of violations.
const (
	duplicates = "duplicates" // more than one create for a marker
	stranger   = "stranger"   // an issue that nobody asked for
	stuck      = "stuck"      // a button in progress
	wrong      = "wrong"      // a button that does not match the tracker
	lost       = "lost"       // an answered click that nothing came of
	untreated  = "untreated"  // an unlinked issue that is not as onUnlink wants it
	remaining  = "remaining"  // something in Redis
	late       = "late"       // a takeover that took too long
	crashed    = "crashed"    // a process that ended by itself
	slowStop   = "slow stop"  // a process that SIGTERM did not end in time
)

// violation is a promise that was not kept.
type violation struct {
	Kind        string   `json:"kind"`
	Integration string   `json:"integration,omitempty"`
	Entity      string   `json:"entity,omitempty"`
	Marker      string   `json:"marker,omitempty"`
	Detail      string   `json:"detail"`
	Trail       []string `json:"trail,omitempty"`
}

// books is all that is known from outside when everything is quiet.
type books struct {
	Plan plan
	// Integrations are Productboard's ids by number, Own the plugin's,
	// Tenants whose they are; Entities by number.
	Integrations, Own, Tenants, Entities []string
	Clicks                               []clicked
	Happened                             []happening
	Creates                              []memtarget.Entry
	Issues                               []memtarget.Record
	// Shown are the buttons that are not initial.
	Shown  []pbfake.Connection
	Events []pbfake.Event
	// Taken are the clicks that the plugin's log says it recorded.
	Taken map[connections.Key][]taking
}

// view is one button in the books.
type view struct {
	button
	policy tenants.OnUnlink
	key    connections.Key
	clicks []clicked
	// issues by epoch.
	issues map[int][]memtarget.Record
	newest int
	shown  pbfake.State
	taken  []taking // in their order
}

// check holds the books against the promises.
func (b books) check() []violation {
	views := b.views()
	out := b.sortIssues(views)
	for _, v := range views {
		out = append(out, v.check(b.Happened)...)
	}
	return out
}

func (b books) views() []*view {
	out := make([]*view, len(b.Plan.Buttons))
	byPlace := map[[2]string]*view{}
	for n, where := range b.Plan.Buttons {
		v := &view{button: where, policy: policy(where.Integration), issues: map[int][]memtarget.Record{},
			key: connections.Key{Tenant: b.Tenants[where.Integration], Integration: b.Own[where.Integration], Entity: b.Entities[where.Entity]}, shown: pbfake.State{Name: pbfake.StateInitial}}
		v.taken = b.Taken[v.key]
		out[n] = v
		byPlace[[2]string{b.Integrations[where.Integration], b.Entities[where.Entity]}] = v
	}
	for _, c := range b.Clicks {
		out[c.Button].clicks = append(out[c.Button].clicks, c)
	}
	for _, c := range b.Shown {
		if v := byPlace[[2]string{c.IntegrationID, c.EntityID}]; v != nil {
			v.shown = c.State
		}
	}
	return out
}

// sortIssues gives every issue to its button, by its marker. A button may
// have one issue, and one more for each unlink.
func (b books) sortIssues(views []*view) []violation {
	type place struct {
		v     *view
		epoch int
	}
	places := map[string]place{}
	for _, v := range views {
		most := 1
		for _, c := range v.clicks {
			if c.Trigger == pbfake.Unlink {
				most++
			}
		}
		for epoch := 1; epoch <= most; epoch++ {
			places[string(targets.NewMarker(v.key.Integration, v.key.Entity, epoch))] = place{v, epoch}
		}
	}
	var out []violation
	for _, issue := range b.Issues {
		at, ok := places[issue.Marker]
		switch {
		case !ok:
			out = append(out, violation{Kind: stranger, Marker: issue.Marker, Detail: fmt.Sprintf("%s (%s) belongs to no push", issue.Key, issue.Link)})
		case issue.Project != project(at.v.Integration):
			out = append(out, at.v.violation(stranger, "%s is in the project of another integration", issue.Key))
		default:
			at.v.issues[at.epoch] = append(at.v.issues[at.epoch], issue)
			at.v.newest = max(at.v.newest, at.epoch)
		}
	}
	made := map[string][]string{}
	for _, c := range b.Creates {
		made[c.Marker] = append(made[c.Marker], fmt.Sprintf("%s at %s: %s", c.IssueID, stamp(c.At), c.Told))
	}
	for marker, creates := range made {
		if len(creates) > 1 {
			v := violation{Kind: duplicates}
			if at, ok := places[marker]; ok {
				v = at.v.violation(duplicates, "")
			}
			v.Marker, v.Detail = marker, fmt.Sprintf("%d creates: %s", len(creates), strings.Join(creates, "; "))
			out = append(out, v)
		}
	}
	return out
}

func (v *view) violation(kind, format string, args ...any) violation {
	return violation{Kind: kind, Integration: v.key.Integration, Entity: v.key.Entity, Detail: fmt.Sprintf(format, args...)}
}

func (v *view) check(happened []happening) []violation {
	var out []violation
	add := func(kind, format string, args ...any) { out = append(out, v.violation(kind, format, args...)) }
	switch v.shown.Name {
	case pbfake.StateProgress:
		add(stuck, "the button is in progress")
		return out
	case pbfake.StateConnected:
		if problem := v.connected(); problem != "" {
			add(wrong, "the button is connected, but %s", problem)
		}
	case pbfake.StateError:
		if v.shown.Message == "" {
			add(wrong, "the button is in error without a message")
		}
		if isOwnError(v.shown.Message) && v.knewBetter() {
			add(wrong, "Productboard's own error stays, although the plugin had taken the click")
		}
	}
	if wanted := v.possible(happened); !slices.Contains(wanted, v.shown.Name) && !isOwnError(v.shown.Message) {
		kind := wrong
		if v.shown.Name == pbfake.StateInitial {
			kind = lost
		}
		add(kind, "the button is %s, but after the clicks it must be %s", v.shown.Name, strings.Join(wanted, " or "))
	}
	for epoch, issues := range v.issues {
		if !v.unlinked(epoch) {
			continue
		}
		for _, issue := range issues {
			if problem := treated(v.policy, issue); problem != "" {
				add(untreated, "%s of epoch %d: %s", issue.Key, epoch, problem)
			}
		}
	}
	return out
}

// connected says what is wrong with a connected button.
func (v *view) connected() string {
	id := path.Base(v.shown.TargetURL)
	for epoch, issues := range v.issues {
		for _, issue := range issues {
			switch {
			case issue.ID != id:
			case epoch != v.newest:
				return fmt.Sprintf("%s is of epoch %d, and there is one of epoch %d", issue.Key, epoch, v.newest)
			case issue.Status == memtarget.StatusDone:
				return issue.Key + " is closed"
			default:
				return ""
			}
		}
	}
	return "no issue of this button is at " + v.shown.TargetURL
}

// knewBetter reports whether the plugin recorded a click on this button that
// began no earlier than the one whose answer Productboard could not use. It
// keeps no record of a button that was never pushed.
func (v *view) knewBetter() bool {
	failing := time.Time{}
	for _, c := range v.clicks {
		if !c.answered() && c.Start.After(failing) {
			failing = c.Start
		}
	}
	pushed := false
	for _, t := range v.taken {
		pushed = pushed || t.Trigger == pbfake.Push
		if pushed && !failing.IsZero() && t.At.After(failing) {
			return true
		}
	}
	return false
}

// possible lists the states that the button may end in. Clicks that overlap
// may have been taken in any order; one without an answer may have been taken
// or not.
func (v *view) possible(happened []happening) []string {
	var last []clicked // nothing was surely taken after these
	certain := false
	dismissed := time.Time{}
	for _, c := range v.clicks {
		end := reach(c, happened)
		if c.Trigger == pbfake.Dismiss {
			if end.After(dismissed) {
				dismissed = end
			}
			continue
		}
		overtaken := slices.ContainsFunc(v.clicks, func(d clicked) bool {
			return d.answered() && d.Trigger != pbfake.Dismiss && d.Start.After(end)
		})
		if !overtaken {
			last = append(last, c)
			certain = certain || c.answered()
		}
	}
	states := map[string]bool{pbfake.StateInitial: !certain}
	for _, c := range last {
		if c.Trigger == pbfake.Unlink {
			states[pbfake.StateInitial] = true
			continue
		}
		states[pbfake.StateConnected], states[pbfake.StateError] = true, true
		if dismissed.After(c.Start) {
			states[pbfake.StateInitial] = true // if it was an error by then
		}
	}
	var out []string
	for s, ok := range states {
		if ok {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, cmp.Compare)
	return out
}

// reach is when a click can have been taken at the latest. One without an
// answer may lie in a frozen process until that goes on.
func reach(c clicked, happened []happening) time.Time {
	const slack = 2 * time.Second
	if c.answered() {
		return c.End
	}
	end := c.End.Add(slack)
	for _, h := range happened {
		if h.Kind == freezeAPI && h.At.Before(c.End) && h.Back.After(c.Start) {
			end = slices.MaxFunc([]time.Time{end, h.Back.Add(slack)}, time.Time.Compare)
		}
	}
	return end
}

// unlinked reports whether the issue of an epoch was surely unlinked: there is
// a later one, or the button is initial and nobody dismissed an error (which
// leaves the issue as it is).
func (v *view) unlinked(epoch int) bool {
	if epoch < v.newest {
		return true
	}
	return v.shown.Name == pbfake.StateInitial && !slices.ContainsFunc(v.clicks, func(c clicked) bool { return c.Trigger == pbfake.Dismiss })
}

// treated says what is wrong with the issue of an unlinked push.
func treated(p tenants.OnUnlink, issue memtarget.Record) string {
	remarked := slices.ContainsFunc(issue.Comments, func(s string) bool { return strings.Contains(s, "unlinked") })
	closed := issue.Status == memtarget.StatusDone
	switch {
	case p == tenants.UnlinkLeave && (remarked || closed):
		return "it should have been left"
	case p == tenants.UnlinkComment && (!remarked || closed):
		return "it should have a comment and be open"
	case p == tenants.UnlinkClose && (!remarked || !closed):
		return "it should have a comment and be closed"
	default:
		return ""
	}
}

func stamp(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// isOwnError reports whether Productboard itself put a button into error,
// because it had no usable answer to a click.
func isOwnError(message string) bool {
	return strings.HasPrefix(message, "Something went wrong. Please try again later.")
}
