package httptarget

import (
	"context"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
)

// Close implements targets.Closer. Where the issue can be read it is looked at
// afterwards: some trackers say yes and do nothing.
func (p closer) Close(ctx context.Context, id string) error {
	if _, err := p.change(ctx, p.close, id, issueData{id}); err != nil {
		return err
	}
	if p.read == nil || len(p.mapping.done) == 0 {
		return nil
	}
	i, err := p.readIssue(ctx, id)
	if err != nil {
		return err
	}
	if i.Progress != targets.Done {
		return &fault.Error{Op: targets.OpClose, Kind: fault.Forbidden,
			Public: p.name + " did not close the issue " + i.Key + ", though it said yes. Ask your admin to check its workflow and the integration's settings (close)."}
	}
	return nil
}
