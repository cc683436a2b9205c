package connections

import (
	"errors"
	"fmt"
	"slices"
)

// MaxNumber bounds every number of a record: the script writes 14 digits.
const MaxNumber = 100_000_000_000_000

// maxEpoch bounds an epoch.
const maxEpoch = 1 << 31

// Check says what no store would ever have written, of an entry that comes
// from elsewhere; nil if it can be imported. It repeats none of its content.
func (e Entry) Check() error {
	r := e.Record
	switch {
	case !e.Key.Valid():
		return errors.New("the key of a connection cannot be one")
	case !slices.Contains([]State{Initial, Progress, Connected, Failed}, r.State):
		return errors.New("the state of a connection is none")
	case !slices.Contains([]Step{Idle, Open, Settle, Verify, Cleanup}, r.Step):
		return errors.New("the step of a connection is none")
	case r.State == Progress && r.Step == Idle:
		return errors.New("a connection is in progress, and nothing is left to do for it")
	case r.Missing != nil && !slices.Contains([]string{seenGone, seenTrashed, seenHidden}, r.Missing.Verdict):
		return errors.New("it is not known why the issue of a connection is missing")
	case r.Issue != nil && r.Issue.ID == "":
		return errors.New("the issue of a connection has no id")
	case len(r.Orphans) > maxOrphans:
		return fmt.Errorf("more than %d orphans of one connection", maxOrphans)
	}
	numbers := []int64{r.Generation, r.Run, r.LeaseEnd, r.Deadline, r.Parked, int64(r.Attempts), int64(r.RescueChecks), r.Click.At, r.LastClick,
		r.ReadBack, int64(r.Recreated)}
	numbers = append(numbers, r.Observed)
	if r.Missing != nil {
		numbers = append(numbers, r.Missing.At, r.Missing.Shown)
	}
	if !e.Changed.IsZero() {
		numbers = append(numbers, e.Changed.UnixMilli())
	}
	epochs := []int{r.Epoch}
	intents := []*Intent{r.Intent}
	for _, orphan := range r.Orphans {
		if orphan.Issue != nil && orphan.Issue.ID == "" {
			return errors.New("an orphan of a connection has no id")
		}
		epochs, intents = append(epochs, orphan.Epoch), append(intents, orphan.Intent)
		numbers = append(numbers, int64(orphan.Recreated))
	}
	for _, in := range intents {
		if in != nil {
			numbers = append(numbers, in.At, int64(in.Sent))
		}
	}
	for _, n := range numbers {
		if n < 0 || n >= MaxNumber {
			return errors.New("a number of a connection is out of range")
		}
	}
	for _, n := range epochs {
		if n < 0 || n >= maxEpoch {
			return errors.New("the epoch of a connection is out of range")
		}
	}
	return nil
}
