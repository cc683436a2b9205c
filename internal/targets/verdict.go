package targets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
)

// Verdict says what became of an issue that the plugin knows by its id. The
// set is closed. Only VerdictGone lets a record give its issue up.
type Verdict uint8

// The verdicts.
const (
	// VerdictPresent: the issue is where it was.
	VerdictPresent Verdict = iota
	// VerdictMoved: the issue has a new key and address, which Issue holds. Its
	// old id still leads to it.
	VerdictMoved
	// VerdictTrashed: people threw the issue away, and can still restore it.
	VerdictTrashed
	// VerdictGone: the tracker deleted the issue. It said so in its own words,
	// and the place and the credential were proven right after.
	VerdictGone
	// VerdictHidden: the account may not see the issue, or lost its place.
	VerdictHidden
	// VerdictIntermediary: something in front of the tracker answered.
	VerdictIntermediary
	// VerdictCredentialRefused: the credential is wrong, ended or revoked.
	VerdictCredentialRefused
	// VerdictUndecided: the tracker could not be asked, or could not answer.
	VerdictUndecided
)

// String returns the verdict's stable name, as used in logs and metrics.
func (v Verdict) String() string {
	names := [...]string{"present", "moved", "trashed", "gone", "hidden", "intermediary", "credential_refused", "undecided"}
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}

// VerdictOf reads the verdict from what a Reader, Commenter, Closer or Updater
// returned. It is the only place that decides this. A 404 that nobody looked
// into is fault.NotFound, and so never more than hidden.
func VerdictOf(issue Issue, err error) Verdict {
	if err == nil {
		return issue.Verdict
	}
	switch fault.KindOf(err) {
	case fault.Gone:
		return VerdictGone
	case fault.Forbidden, fault.NotFound:
		return VerdictHidden
	case fault.Intermediary:
		return VerdictIntermediary
	case fault.Unauthorized:
		return VerdictCredentialRefused
	case fault.Internal, fault.Invalid, fault.Conflict, fault.RateLimited, fault.Unavailable, fault.Timeout, fault.Canceled, fault.Blocked:
		return VerdictUndecided
	default:
		return VerdictUndecided
	}
}

// Absence is what a driver knows when its tracker does not return an issue.
type Absence struct {
	Op, Tracker string
	// Issue names it ("issue #7"), and Account who asked ("the token's account").
	Issue, Account string
	// Said reports whether the reply is the tracker's own statement that it has
	// no such issue, and not a page or another program's 404.
	Said bool
	// Prove reads, now and with the same credential, the place of the issue. It
	// returns nil only if the account may read issues there.
	Prove func(ctx context.Context) error
}

// Explain turns a refused read or change of an issue into an error with the
// right verdict. No error, and errors other than fault.NotFound, are returned as
// they are.
func (a Absence) Explain(ctx context.Context, err error) error {
	if err == nil || fault.KindOf(err) != fault.NotFound {
		return err
	}
	if why := a.Prove(ctx); why != nil {
		switch fault.KindOf(why) {
		case fault.NotFound, fault.Forbidden, fault.Gone, fault.Invalid:
			hidden := Hidden(a.Op, a.Tracker, a.Issue, a.Account, errors.Join(err, why))
			if fault.KindOf(why) == fault.NotFound {
				hidden.Kind = fault.NotFound // whether it is there at all cannot be told
			}
			if said := fault.From(why).Public; said != "" {
				hidden.Public = said
			}
			return hidden
		case fault.Internal, fault.Unauthorized, fault.Conflict, fault.RateLimited, fault.Unavailable, fault.Timeout,
			fault.Canceled, fault.Blocked, fault.Intermediary:
			return Sure(why)
		default:
			return Sure(why)
		}
	}
	if !a.Said {
		e := intermediary(a.Tracker, "not in "+a.Tracker+"'s words", 0, err)
		e.Op = a.Op
		return e
	}
	return &fault.Error{Op: a.Op, Kind: fault.Gone, Err: err,
		Public: a.Tracker + " does not have " + a.Issue + " any more: it was deleted there. Unlink and push again for a new one."}
}

// Hidden is the error for an issue that the tracker keeps from the account.
func Hidden(op, tracker, issue, account string, cause error) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Forbidden, Err: cause,
		Public: tracker + " does not show " + issue + " to " + account + ". Ask your admin to check its access in " + tracker + ", or unlink and push again for a new issue."}
}

// UnknownID is the error for an id that the tracker cannot have given out.
// Nobody is asked about it.
func UnknownID(op, tracker, issue string) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.NotFound, Public: tracker + " cannot have " + issue + ". Unlink and push again for a new one."}
}

// Trashed is the error for an issue that has to be restored before anything
// can be done with it.
func Trashed(op, tracker, issue string) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Side: fault.SideTracker, Peer: tracker,
		Public: issue + " was thrown away in " + tracker + ". Restore it there, or unlink and push again for a new one."}
}

// Foreign returns the error for a refusal that something in front of the
// tracker wrote: a proxy, a firewall, an outage page. It returns nil where the
// reply may be the tracker's own. own reports whether the driver recognises
// the body as its tracker's; an empty body is never called foreign.
//
// The error is Unsure, since a firewall also drops replies to requests that
// were carried out.
func Foreign(tracker string, r outbound.Reply, own bool) *fault.Error {
	refused := r.Status == http.StatusForbidden || r.Status == http.StatusNotFound || r.Status == http.StatusGone || r.Status >= http.StatusInternalServerError
	if own || !refused || len(bytes.TrimSpace(r.Body)) == 0 {
		return nil
	}
	what := "not in " + tracker + "'s words"
	if WebPage(r) {
		what = "a web page"
	}
	e := intermediary(tracker, what, r.Status, fmt.Errorf("%w that the tracker did not write", outbound.StatusError(r.Status)))
	if status := outbound.FromStatus(r.Status, r.Header); status != nil {
		e.RetryAfter = status.RetryAfter
	}
	return e
}

// WebPage reports whether a reply's body is HTML, which no tracker's API
// returns on purpose.
func WebPage(r outbound.Reply) bool {
	return strings.HasPrefix(strings.TrimSpace(strings.ToLower(r.Header.Get("Content-Type"))), "text/html") || bytes.HasPrefix(bytes.TrimSpace(r.Body), []byte("<"))
}

// intermediary is the error for an answer that the tracker did not write.
func intermediary(tracker, what string, status int, cause error) *fault.Error {
	if status > 0 {
		what = fmt.Sprintf("HTTP %d, %s", status, what)
	}
	return &fault.Error{Kind: fault.Intermediary, Unsure: true, Err: cause,
		Public: fmt.Sprintf("Something in front of %s answered (%s), not %s itself. Push again in a while. If it stays so, tell the people who run %s.", tracker, what, tracker, tracker)}
}
