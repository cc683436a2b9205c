package deletion

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/admin/audit"
	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

// mark makes sure that the tenant takes no more clicks and no new
// integrations. fault.NotFound if it is gone.
func (d *Deleter) mark(ctx context.Context, j *Job) error {
	scope := d.tenants.Tenant(j.Tenant)
	t, err := scope.Get(ctx)
	if err != nil {
		return err
	}
	if !t.CreatedAt.Equal(j.Born) {
		return fault.New(fault.NotFound, "delete tenant", "The tenant does not exist.")
	}
	if t.Deleting.IsZero() {
		_, err = scope.Alter(ctx, func(t *tenants.Tenant) {
			if t.CreatedAt.Equal(j.Born) {
				t.Deleting = d.now()
			}
		})
	}
	return err
}

// resume goes on from wherever the job is. Once the tenant's own record is gone
// there is nothing left but to say so: a tenant of the same id that was made
// since is another.
func (d *Deleter) resume(ctx context.Context, j *Job) error {
	err := d.mark(ctx, j)
	switch {
	case errors.Is(err, fault.NotFound):
		return d.finish(ctx, j)
	case err != nil:
		return err
	}
	if err := d.deleteIntegrations(ctx, j); err != nil {
		return err
	}
	for _, forget := range d.forget {
		if err := forget(ctx, j.Tenant); err != nil {
			return err
		}
	}
	if err := d.audit.Forget(ctx, j.Tenant); err != nil {
		return err
	}
	if err := d.tenants.Tenant(j.Tenant).DeleteTenant(ctx); err != nil && !errors.Is(err, fault.NotFound) {
		return err
	}
	return d.finish(ctx, j)
}

// deleteIntegrations deletes one after the other until there is none.
func (d *Deleter) deleteIntegrations(ctx context.Context, j *Job) error {
	scope := d.tenants.Tenant(j.Tenant)
	for after := ""; ; {
		page, next, err := scope.Integrations(ctx, after, tenants.MaxPage)
		if err != nil {
			return err
		}
		for i, in := range page {
			j.Left = len(page) - i
			if err := d.alive(ctx, j); err != nil {
				return err
			}
			before := j.Connections
			progress := func(done int64) {
				j.Connections = before + done
				_ = d.alive(ctx, j) // the next step fails if Redis is gone
			}
			if err := d.integrations.Delete(ctx, in, !j.AtProductboard, progress); err != nil && !errors.Is(err, fault.NotFound) {
				return err
			}
			j.Integrations++
			j.Left = len(page) - i - 1
			j.Failures, j.Problem = 0, ""
		}
		if next == "" {
			return scope.Whole(ctx) // what cannot be read is not deleted, and is reported
		}
		after = next
	}
}

// alive notes progress and keeps the job.
func (d *Deleter) alive(ctx context.Context, j *Job) error {
	if err := d.save(ctx, *j); err != nil {
		return err
	}
	if err := d.rdb.ZAddXX(ctx, indexKey, redis.Z{Member: j.Tenant, Score: float64(d.until(lease))}).Err(); err != nil {
		return redisdb.Fault("keep tenant deletion", err)
	}
	return nil
}

func (d *Deleter) finish(ctx context.Context, j *Job) error {
	j.Finished, j.Left, j.Failures, j.Problem = d.now(), 0, 0, ""
	err := d.audit.Add(ctx, audit.Entry{At: j.Finished, Subject: j.Subject, Token: j.Token, Operation: "tenantDeleted", Path: "/tenants/" + j.Tenant, Tenant: j.Tenant, Outcome: audit.Done}, audit.Deployment)
	if err != nil {
		return err
	}
	if err := d.save(ctx, *j); err != nil {
		return err
	}
	if err := d.rdb.ZRem(ctx, indexKey, j.Tenant).Err(); err != nil {
		return redisdb.Fault("end tenant deletion", err)
	}
	d.log.InfoContext(ctx, "tenant deleted", telemetry.KeyTenant, j.Tenant, telemetry.KeyIntegrations, j.Integrations, telemetry.KeyConnections, j.Connections, telemetry.KeyTook, j.Finished.Sub(j.Requested).Round(time.Millisecond).String())
	return nil
}
