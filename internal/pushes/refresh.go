package pushes

import (
	"context"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

// RefreshResult is the result of a refresh of one button.
type RefreshResult struct {
	// Push is the button afterwards.
	Push Push
	// Verdict is what became of the issue: present, moved, trashed, gone or hidden,
	// as targets.Verdict has it.
	Verdict string
	// Message says the same in a sentence, with what the button shows.
	Message string
	// Changed reports whether the button shows something else now.
	Changed bool
}

// Refresh reads the issue of one button, and changes the button if the issue is not
// as it shows. It does so even if the integration's Refresh is off. The error is
// fault.Conflict for a button that shows no issue or is in progress, and the
// tracker's own if it cannot say what became of the issue.
func (s Scope) Refresh(ctx context.Context, integration, entity string) (RefreshResult, error) {
	in, err := s.service.tenants.Tenant(s.tenant).Integration(ctx, integration)
	if err != nil {
		return RefreshResult{}, err
	}
	before, err := s.service.records.Entry(ctx, s.key(integration, entity))
	if err != nil {
		return RefreshResult{}, err
	}
	if err := s.checkRefreshable(ctx, in, before.Record); err != nil {
		return RefreshResult{}, err
	}
	reading, err := s.service.read(ctx, in, before)
	if err != nil {
		return RefreshResult{}, err
	}
	tasks, err := s.service.records.Observe(ctx, []connections.Reading{reading}, in.Refresh.ResetDeleted)
	for _, task := range tasks {
		s.service.enqueue(ctx, task)
	}
	if err != nil {
		return RefreshResult{}, err
	}
	after, err := s.service.records.Entry(ctx, before.Key)
	if err != nil {
		return RefreshResult{}, err
	}
	out := RefreshResult{Push: pushOf(after, in.Name), Verdict: reading.Verdict.String()}
	reset := in.Refresh.ResetDeleted && after.Record.State == connections.Initial // this begins a generation as a click does
	if after.Record.Generation != before.Record.Generation && !reset {
		out.Message = "The button was clicked while the issue was read. The reading does not count."
		return out, nil
	}
	out.Changed = connections.Button(after.Record) != connections.Button(before.Record)
	out.Message = refreshed(reading.Verdict, after.Record, out.Changed)
	return out, nil
}

func (s Scope) checkRefreshable(ctx context.Context, in tenants.Integration, r connections.Record) error {
	const op = "refresh"
	if err := s.checkPushable(ctx, in); err != nil {
		return err
	}
	switch {
	case r.State == connections.Progress || r.Step != connections.Idle:
		return fault.New(fault.Conflict, op, "The button is in progress. Refresh it when its run has ended.")
	case r.State != connections.Connected || r.Issue == nil:
		return fault.New(fault.Conflict, op, "The button shows no issue.")
	}
	return nil
}

// read asks the tracker for the issue of a button. A reading that says nothing about
// the issue is an error.
func (s *Service) read(ctx context.Context, in tenants.Integration, e connections.Entry) (connections.Reading, error) {
	tracker, err := s.tracker(ctx, in)
	if err != nil {
		return connections.Reading{}, err
	}
	issue, supported, err := tracker.Read(ctx, e.Record.Issue.ID)
	if !supported && err == nil {
		return connections.Reading{}, fault.New(fault.Conflict, "refresh", "This tracker's issues cannot be read with the integration's settings.")
	}
	out := connections.Reading{Entry: e, Verdict: targets.VerdictOf(issue, err), Issue: issue}
	switch out.Verdict {
	case targets.VerdictIntermediary, targets.VerdictCredentialRefused, targets.VerdictUndecided:
		return connections.Reading{}, err
	case targets.VerdictPresent, targets.VerdictMoved, targets.VerdictTrashed, targets.VerdictGone, targets.VerdictHidden:
	}
	return out, nil
}

// refreshed says what a reading found, and what the button shows after it.
func refreshed(v targets.Verdict, after connections.Record, changed bool) string {
	switch v {
	case targets.VerdictHidden:
		return "The integration's account does not see the issue any more. The button stays as it is."
	case targets.VerdictGone:
		return deletedMessage("The tracker deleted the issue.", after, changed)
	case targets.VerdictTrashed:
		return deletedMessage("The issue is in the tracker's trash.", after, changed)
	case targets.VerdictPresent, targets.VerdictMoved, targets.VerdictIntermediary, targets.VerdictCredentialRefused, targets.VerdictUndecided:
	}
	if changed {
		return "The button now shows the issue as it is."
	}
	return "The button shows the issue as it is."
}

func deletedMessage(what string, after connections.Record, changed bool) string {
	switch {
	case after.State == connections.Initial:
		return what + " The button shows its first state again."
	case changed:
		return what + " The button now says so."
	case after.Deleted():
		return what + " The button says so."
	default:
		return what + " The button says so once a second reading, some minutes later, agrees."
	}
}

// RefreshIntegration has all buttons of an integration, named by its id or name,
// compared with their issues as soon as a worker can.
func (s Scope) RefreshIntegration(ctx context.Context, integration string) error {
	const op = "refresh"
	if integration == "" {
		return invalidField(FieldIntegration, "must name one integration")
	}
	found, err := s.integrations(ctx, integration)
	if err != nil {
		return err
	}
	in := found[0]
	if err := s.checkPushable(ctx, in); err != nil {
		return err
	}
	if in.Refresh.Off {
		return fault.New(fault.Conflict, op, "The integration's buttons do not follow their issues: refresh.enabled is false.")
	}
	return s.service.sweep(ctx, s.tenant, in.ID)
}
