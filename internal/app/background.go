package app

import (
	"context"
	"iter"
	"sync"
	"time"

	"pushbutton/internal/actions"
	"pushbutton/internal/jobs"
	"pushbutton/internal/tenants"
)

// spinnersTurn is the key by which processes take turns at searching, and
// turnFor how long one turn keeps the others from it: a little less than the
// time between two searches.
const (
	spinnersTurn = "pb:turn:spinners"
	turnFor      = 4*time.Minute + 30*time.Second
)

// background runs what every process does beside its role until the context
// ends: it looks out for work that nobody finishes, whichever half is left,
// takes its turn at finding buttons that spin for no reason, and goes on with
// deleting tenants.
func (a *App) background(ctx context.Context) *sync.WaitGroup {
	var group sync.WaitGroup
	lookout := &jobs.Lookout{Records: a.records, Queue: a.queue, Log: a.log, Observe: a.metrics.Requeued}
	group.Go(func() { lookout.Run(ctx) })
	spinners := &actions.Spinners{
		Integrations: a.integrations,
		Buttons:      func(in tenants.Integration) actions.Buttons { return a.peers.session(in) },
		Records:      a.records, Queue: a.queue, Log: a.log, Observe: a.metrics.Spinner,
		Turn: func(ctx context.Context) bool {
			took, err := a.rdb.SetNX(ctx, spinnersTurn, "", turnFor).Result()
			return err == nil && took
		},
	}
	group.Go(func() { spinners.Run(ctx) })
	eraser := a.eraser()
	group.Go(func() { eraser.Run(ctx) })
	return &group
}

// integrations lists every integration of every tenant, page by page.
func (a *App) integrations(ctx context.Context) iter.Seq2[tenants.Integration, error] {
	return func(yield func(tenants.Integration, error) bool) {
		for after := ""; ; {
			page, next, err := a.tenants.Tenants(ctx, after, tenants.MaxPage)
			if err != nil {
				yield(tenants.Integration{}, err)
				return
			}
			for _, t := range page {
				if !a.ofTenant(ctx, t.ID, yield) {
					return
				}
			}
			if next == "" {
				return
			}
			after = next
		}
	}
}

func (a *App) ofTenant(ctx context.Context, tenant string, yield func(tenants.Integration, error) bool) bool {
	for after := ""; ; {
		page, next, err := a.tenants.Tenant(tenant).Integrations(ctx, after, tenants.MaxPage)
		if err != nil {
			return yield(tenants.Integration{Tenant: tenant}, err)
		}
		for _, in := range page {
			if !yield(in, nil) {
				return false
			}
		}
		if next == "" {
			return true
		}
		after = next
	}
}
