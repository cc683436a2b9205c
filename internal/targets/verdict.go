package targets

import (
	"fmt"

	"pushbutton/internal/fault"
)

// Verdict says what became of an issue that the plugin knows by its id. The
// set is closed. Only VerdictGone lets a record give its issue up, and
// VerdictTrashed once its button has said that the issue was deleted.
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
	// and the place and the credential were checked right after.
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
		return unseen
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
