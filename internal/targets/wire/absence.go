package wire

import (
	"context"
	"errors"

	"pushbutton/internal/fault"
)

// Absence holds what a driver knows when its tracker does not return an issue.
type Absence struct {
	Op, Tracker string
	// Issue names it ("issue #7"), and Account who asked ("the token's account").
	Issue, Account string
	// Own reports whether the reply is the tracker's own statement that it has no
	// such issue, and not a page or another program's 404.
	Own bool
	// CheckPlace reads the place of the issue, now and with the same credential. It
	// returns nil only if the account may read issues there.
	CheckPlace func(ctx context.Context) error
}

// Explain turns a refused read or change of an issue into an error with the
// right verdict. No error, and errors other than fault.NotFound, are returned as
// they are.
func (a Absence) Explain(ctx context.Context, err error) error {
	if err == nil || fault.KindOf(err) != fault.NotFound {
		return err
	}
	if why := a.CheckPlace(ctx); why != nil {
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
	if !a.Own {
		e := Intermediary(a.Tracker, "not in "+a.Tracker+"'s words", 0, err)
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
