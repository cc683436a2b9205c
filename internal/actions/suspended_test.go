package actions

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/tenants"
)

// landlord knows one tenant.
type landlord struct{ tenant tenants.Tenant }

func (l *landlord) Tenant(context.Context, string) (tenants.Tenant, error) { return l.tenant, nil }

func TestASuspendedTenant(t *testing.T) {
	r := newRig(t)
	owner := &landlord{tenant: tenants.Tenant{ID: "acme"}}
	r.receive.tenants, r.perform.tenants = owner, owner
	require.Equal(t, pbapi.StateProgress, r.click(pbapi.TriggerPush).State)

	owner.tenant.Suspended = &tenants.Suspension{Reason: "unpaid", Since: time.Now()}
	asked := r.asked.Load()
	for range 3 {
		require.True(t, r.step(context.Background()), "it goes on waiting")
	}
	require.Equal(t, asked, r.asked.Load(), "the tracker is not called")
	require.Empty(t, r.pb.calls, "nor is Productboard")
	shown := r.click(pbapi.TriggerPush)
	require.Equal(t, pbapi.StateError, shown.State)
	require.Contains(t, shown.Message, "suspended")
	require.NotContains(t, shown.Message, "unpaid", "the reason is the operator's")

	owner.tenant.Suspended = nil
	require.Equal(t, pbapi.StateProgress, r.click(pbapi.TriggerPush).State)
	r.quiet(pbapi.StateConnected)
	require.Len(t, r.tracker.Issues("demo", 10), 1)

	owner.tenant.Deleting = time.Now()
	require.Equal(t, pbapi.StateError, r.click(pbapi.TriggerPush).State)
}

// A suspension that outlives a push's time ends it; the person is told when
// the tenant is back.
func TestASuspensionThatLasts(t *testing.T) {
	r := newRig(t)
	owner := &landlord{tenant: tenants.Tenant{ID: "acme"}}
	r.receive.tenants, r.perform.tenants = owner, owner
	require.Equal(t, pbapi.StateProgress, r.click(pbapi.TriggerPush).State)
	owner.tenant.Suspended = &tenants.Suspension{}
	for range 30 {
		require.True(t, r.step(context.Background()))
	}
	require.NotNil(t, r.record().Failure, "its time is over")
	require.Empty(t, r.pb.calls)
	owner.tenant.Suspended = nil
	r.quiet(pbapi.StateError)
	require.Contains(t, r.pb.shown().Message, "suspended")
	require.Empty(t, r.tracker.Issues("demo", 10))
}

// A record made while the tenant is being imported would keep the imported
// one out.
func TestATenantThatIsBeingImportedTakesNoClick(t *testing.T) {
	r := newRig(t)
	owner := &landlord{tenant: tenants.Tenant{ID: "acme", Importing: "a file"}}
	r.receive.tenants = owner
	for _, trigger := range []pbapi.Trigger{pbapi.TriggerPush, pbapi.TriggerUnlink, pbapi.TriggerDismiss} {
		_, err := r.receive.Receive(context.Background(), Request{Integration: r.in.ID, Authorization: r.in.ActionAuth.Reveal(), ContentType: "application/json", Body: notification(trigger)})
		require.ErrorIs(t, err, fault.Unavailable, trigger)
	}
	_, err := r.store.Get(context.Background(), r.key())
	require.ErrorIs(t, err, fault.NotFound, "and makes no record")
	owner.tenant.Importing = ""
	require.Equal(t, pbapi.StateProgress, r.click(pbapi.TriggerPush).State)
}
