package keeper

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
)

const (
	// TendEvery is how often a pass begins, and passLimit for how long it asks one
	// more tracker.
	TendEvery = time.Minute
	passLimit = 40 * time.Second
	// parallel bounds the trackers that a pass asks at once, and perTenant those of
	// one tenant: a tenant whose trackers hang must keep no other waiting.
	parallel, perTenant = 8, 2
)

// Tend looks at the webhooks of all integrations once. It registers those that are
// not, that have to be confirmed or renewed, or whose settings changed. One that
// is silent is registered again. After a failure it waits, twice as long each time.
func (k *Keeper) Tend(ctx context.Context) error {
	began := time.Now()
	found, silent, err := k.find(ctx)
	if err != nil {
		return err
	}
	if k.opts.Silent != nil {
		err = k.opts.Silent(ctx, silent) // which stops nothing
	}
	turns := newTurns(found)
	var group errgroup.Group // without its context: one failure stops no other
	for range parallel {
		group.Go(func() error {
			for ctx.Err() == nil && time.Since(began) < passLimit {
				c, ok := turns.take()
				if !ok {
					return nil
				}
				k.tend(ctx, c)
				turns.give(c)
			}
			return nil
		})
	}
	return errors.Join(err, group.Wait())
}

// find finds the integrations whose webhook it is time to look after, and counts the
// silent webhooks.
func (k *Keeper) find(ctx context.Context) (found []caller, silentOnes int, err error) {
	ctx, cancel := context.WithTimeout(ctx, passLimit)
	defer cancel()
	var page []tenants.Integration
	look := func() {
		missed := k.missed(ctx, page)
		for i, in := range page {
			silent := missed != nil && missed[i] >= SilentSweeps
			if silent && in.Hook != nil && wanted(in) {
				silentOnes++
			}
			if k.due(in, silent) {
				found = append(found, caller{in.Tenant, in.ID, silent})
			}
		}
		page = page[:0]
	}
	for in, err := range k.opts.Active(ctx) {
		if err != nil {
			return nil, 0, err
		}
		if len(page) > 0 && (page[0].Tenant != in.Tenant || len(page) == tenants.MaxPage) {
			look()
		}
		if k.candidate(in) {
			page = append(page, in)
		}
	}
	look()
	return found, silentOnes, nil
}

// tend looks after one webhook, as it is by now. Where another process does so, that
// is enough.
func (k *Keeper) tend(ctx context.Context, c caller) {
	in := tenants.Integration{Tenant: c.tenant, ID: c.integration}
	_, err := k.alone(ctx, in, 0, func(ctx context.Context, in tenants.Integration) (Outcome, error) {
		if !k.candidate(in) || !k.due(in, c.silent) {
			return Outcome{}, nil
		}
		return k.ensure(ctx, in, c.silent)
	})
	if err != nil && !errors.Is(err, errBusy) && fault.KindOf(err) != fault.NotFound && ctx.Err() == nil {
		k.warn(ctx, in, "the webhook could not be looked after", err)
	}
}

// candidate reports whether anything can be done for an integration at all.
func (k *Keeper) candidate(in tenants.Integration) bool {
	if !in.Deleting.IsZero() || in.Disabled || in.Reconnect != nil || in.ProductboardID == "" {
		return false
	}
	reads, _ := k.opts.Abilities(in.Target.Type)
	return reads || in.Hook != nil
}

// due reports whether it is time to look after an integration's webhook.
func (k *Keeper) due(in tenants.Integration, silent bool) bool {
	h, now := in.Hook, k.now()
	_, registers := k.opts.Abilities(in.Target.Type)
	byHand := !registers || in.HookMode() == tenants.HooksManual
	if h == nil {
		// Address and secret of one by hand are made when an admin can be told them.
		return wanted(in) && !byHand
	}
	if h.Problem != "" {
		return !now.Before(h.Tried.Add(retryAfter(h.Failures)))
	}
	if !wanted(in) {
		return true
	}
	if byHand {
		return false
	}
	return !k.fresh(in) || silent && now.Sub(h.Registered) >= silentAfter
}

// retryAfter is how long to wait after so many failures in a row.
func retryAfter(failures int) time.Duration {
	wait := firstRetry
	for range max(failures-1, 0) {
		if wait *= 2; wait >= lastRetry {
			return lastRetry
		}
	}
	return wait
}

// missed asks how many sweeps in a row found what webhooks had not told; nil: not
// known.
func (k *Keeper) missed(ctx context.Context, page []tenants.Integration) []int {
	if k.opts.MissedSweeps == nil || len(page) == 0 {
		return nil
	}
	ids := make([]string, len(page))
	for i, in := range page {
		ids[i] = in.ID
	}
	missed, err := k.opts.MissedSweeps(ctx, page[0].Tenant, ids)
	if err != nil || len(missed) != len(ids) {
		return nil // without it webhooks are kept all the same
	}
	return missed
}
