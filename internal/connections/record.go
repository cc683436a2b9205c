// Package connections is the button: one record per (tenant, integration, entity),
// its states and the transitions between them, the texts Productboard shows,
// and the rescue of runs that nobody finishes. It is the only writer of
// that state; docs/design/states.md is the table of its transitions.
//
// What must not live here: how tasks are queued (jobs), what a push does
// (actions), any HTTP.
package connections

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/telemetry"
)

// State is the button's state, in Productboard's words.
type State string

// The four states of a button.
const (
	Initial   State = "initial"
	Progress  State = "progress"
	Connected State = "connected"
	Failed    State = "error"
)

// Step is what is left to do for a record. A retry resumes at the step, so
// that a finished one is never repeated.
type Step string

// The steps of a push, in their order, and what follows an unlink.
const (
	// Idle: nothing is left to do.
	Idle Step = ""
	// Open: the issue has to be found or created.
	Open Step = "open"
	// Settle: Productboard has to be told.
	Settle Step = "settle"
	// Verify: the button has to be read back, and set again if an earlier
	// answer overwrote it.
	Verify Step = "verify"
	// Cleanup: the orphans have to be treated.
	Cleanup Step = "cleanup"
)

// Key names a record: the tenant and the integration by our own ids, and
// Productboard's id of the entity.
type Key struct {
	Tenant      string
	Integration string
	Entity      string
}

// maxKeyPart bounds each part of a key, in bytes.
const maxKeyPart = 128

// String is "tenant/integration:entity", as used in task ids and on the
// command line.
func (k Key) String() string { return k.Tenant + "/" + k.Integration + ":" + k.Entity }

// LogAttr returns the three parts as attributes of a log line, each under its
// own key.
func (k Key) LogAttr() slog.Attr {
	return slog.Group("", telemetry.KeyTenant, k.Tenant, telemetry.KeyIntegration, k.Integration, telemetry.KeyEntity, k.Entity) //nolint:sloglint // a group without a name is inlined
}

// Valid reports whether each part is there and can be told from the others, in
// String and in the names of Redis' keys.
func (k Key) Valid() bool {
	for _, part := range []string{k.Tenant, k.Integration, k.Entity} {
		if !validPart(part) {
			return false
		}
	}
	return true
}

func validPart(s string) bool {
	return s != "" && len(s) <= maxKeyPart && !strings.ContainsFunc(s, func(r rune) bool {
		return strings.ContainsRune("/:#{}", r) || r <= ' ' || r > '~'
	})
}

// ParseKey reads what String wrote.
func ParseKey(s string) (Key, error) {
	tenant, rest, _ := strings.Cut(s, "/")
	integration, entity, _ := strings.Cut(rest, ":")
	k := Key{Tenant: tenant, Integration: integration, Entity: entity}
	if !k.Valid() {
		return Key{}, fmt.Errorf("not a connection key: %q", cut(s, maxNote))
	}
	return k, nil
}

// Record is all that is known of one button. Times are Redis' own, in
// milliseconds, so that the clocks of our processes do not matter.
type Record struct {
	State State `json:"s"`
	// Generation counts the clicks that changed something; Epoch counts the
	// issues that were wanted: it rises with an unlink, so that a push after
	// it gets an issue of its own, and stays with a retry, so that a retry
	// finds what an earlier try may have created.
	Generation int64 `json:"g"`
	Epoch      int   `json:"e"`
	// Run is the fencing token: it rises whenever another worker takes
	// over, and every change that a worker makes names it.
	Run int64 `json:"r"`
	// Step is what is left to do.
	Step Step `json:"p,omitempty"`
	// Owner holds the lease until LeaseEnd.
	Owner    string `json:"o,omitempty"`
	LeaseEnd int64  `json:"u,omitempty"`
	// Deadline is when an unfinished push becomes an error.
	Deadline int64 `json:"d,omitempty"`
	// Parked is set while the push waits for a credential: what was left of
	// its time, in ms, and one more. Deadline is 0 meanwhile.
	Parked int64 `json:"z,omitempty"`
	// Attempts counts the tries of this push that count.
	Attempts int `json:"a,omitempty"`
	// RescueChecks counts how often the rescuer found it still waiting in the
	// queue.
	RescueChecks int `json:"k,omitempty"`
	// Lost counts the workers that began this step and fell silent, one after
	// the other, since one last reported.
	Lost int `json:"f,omitempty"`
	// Click is the click that began this push; LastClick is the latest one,
	// whose answer Productboard may still be processing.
	Click     Click `json:"c,omitzero"`
	LastClick int64 `json:"lc,omitempty"`
	// ReadBack is when the button has to be read back for the last time: by
	// then nothing that was sent earlier can overwrite it.
	ReadBack int64 `json:"v,omitempty"`
	// Intent is set once a create was about to be sent.
	Intent *Intent `json:"i,omitempty"`
	// Recreated is how many more times duplicates have to be looked for. They are
	// possible once a second create was sent for one epoch.
	Recreated int `json:"q,omitempty"`
	// Issue is the issue that is connected, or about to be.
	Issue *targets.Issue `json:"t,omitempty"`
	// Title is the item's title where it is another one than the issue's: see
	// ItemTitle.
	Title string `json:"n,omitempty"`
	// Missing is set while the tracker does not show the issue.
	Missing *Missing `json:"m,omitempty"`
	// Observed is when the latest reading changed the button, in milliseconds. It is
	// 0 once the button was seen to show that.
	Observed int64 `json:"ob,omitempty"`
	// Failure is why the push ended in error. LastFailure is why its latest run
	// was handed back or parked. It stays until the step succeeds or the push
	// ends.
	Failure     *Failure `json:"x,omitempty"`
	LastFailure *Failure `json:"w,omitempty"`
	// Orphans are the issues of unlinked pushes that are still to be treated.
	Orphans []Orphan `json:"l,omitempty"`
}

// Missing is what readings found that did not find the issue.
type Missing struct {
	// At is when the first of them was, in milliseconds.
	At int64 `json:"at"`
	// Verdict is the latest one: gone, trashed or hidden.
	Verdict string `json:"v"`
	// Shown is since when the button says that the issue was deleted, in
	// milliseconds; 0: it does not.
	Shown int64 `json:"d,omitempty"`
}

// ItemTitle is the title that the pushed item had, cut; empty where it is not
// known. Most issues are called as their item is, so it is kept only where it
// differs.
func (r Record) ItemTitle() string {
	if r.Title != "" || r.Issue == nil {
		return r.Title
	}
	return r.Issue.Title
}

// Deleted reports whether the button shows an issue that was deleted.
func (r Record) Deleted() bool { return r.Missing != nil && r.Missing.Shown > 0 }

// Click is who pushed, and what Productboard sent with it.
type Click struct {
	At    int64  `json:"at"`
	Name  string `json:"n,omitempty"`
	Email string `json:"m,omitempty"`
}

// Intent is the record that a create was about to be sent, written before it.
type Intent struct {
	// At is when the latest create was about to be sent, Sent how many were.
	At   int64 `json:"at"`
	Sent int   `json:"n"`
	// Resolved is set when that create is known not to have been carried out.
	Resolved bool `json:"ok,omitempty"`
	// BMPOnly is set when a create failed in a way that may be due to characters
	// above U+FFFF: the next is sent without them.
	BMPOnly bool `json:"b,omitempty"`
}

// Failure is why something did not work, in the words a person may read.
type Failure struct {
	Message string     `json:"m"`
	Kind    string     `json:"k"`
	Side    fault.Side `json:"s,omitempty"`
	Ref     string     `json:"f,omitempty"`
}

// FailureOf makes a Failure of an error: the message is Error.Public, cut by
// the caller of Button, not here.
func FailureOf(err error) Failure {
	e := fault.From(err)
	return Failure{Message: e.Public, Kind: e.Kind.String(), Side: e.Side, Ref: e.Ref}
}

// note is the failure as one line of a connection's history.
func (f Failure) note() string { return cut(f.Kind+": "+f.Message, maxNote) }

// Orphan is the issue that an unlinked push left in the tracker. Intent is there
// unless the push left one issue for certain.
type Orphan struct {
	Epoch     int            `json:"e"`
	Intent    *Intent        `json:"i,omitempty"`
	Issue     *targets.Issue `json:"t,omitempty"`
	Recreated int            `json:"q,omitempty"`
}

// Marker is the handle of the issue this record wants now.
func (r Record) Marker(key Key) targets.Marker { return MarkerFor(key, r.Epoch) }

// MarkerFor is the handle of the issue of one epoch. The tenant is no part of
// it: integrations have ids of their own.
func MarkerFor(key Key, epoch int) targets.Marker {
	return targets.NewMarker(key.Integration, key.Entity, epoch)
}

// Millis turns Redis' milliseconds into a time.
func Millis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
