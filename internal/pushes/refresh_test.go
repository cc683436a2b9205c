package pushes_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pushes"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

func TestRefresh(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env, connections.TenantLimits{})
		in := r.integration("acme", "Alpha")
		r.connects(in, "e-1", r.tracker.issues["#7"])
		refresh := func() pushes.RefreshResult {
			t.Helper()
			got, err := r.scope.Refresh(t.Context(), in.ID, "e-1")
			require.NoError(t, err)
			return got
		}
		got := refresh()
		require.Equal(t, "present", got.Verdict)
		require.False(t, got.Changed)
		require.Equal(t, "The button shows the issue as it is.", got.Message)
		require.Empty(t, r.queue.runs)

		r.alter(in, func(in *tenants.Integration) { in.Refresh.Off = true })
		issue := r.tracker.issues["#7"]
		issue.Status, issue.Progress = "Closed", targets.Done
		r.tracker.issues["#7"] = issue
		got = refresh()
		require.True(t, got.Changed, "somebody asks for it")
		require.Equal(t, "The button now shows the issue as it is.", got.Message)
		require.Equal(t, "Closed", got.Push.Issue.Status)
		require.Equal(t, "Alpha", got.Push.Integration)
		require.Len(t, r.queue.runs, 1)
		_, err := r.scope.Refresh(t.Context(), in.ID, "e-1")
		require.ErrorIs(t, err, fault.Conflict, "the button is being set")
	})
}

func TestRefreshFindsADeletion(t *testing.T) {
	for name, c := range map[string]struct {
		refresh   tenants.RefreshSettings
		state     connections.State
		last, now string
	}{
		"shown": {tenants.RefreshSettings{}, connections.Connected, "The tracker deleted the issue. The button now says so.", "Deleted"},
		"reset": {tenants.RefreshSettings{ResetDeleted: true}, connections.Initial, "The tracker deleted the issue. The button shows its first state again.", ""},
	} {
		t.Run(name, func(t *testing.T) {
			env := redistest.Mini(t)
			r := newRig(t, env, connections.TenantLimits{})
			in := r.integration("acme", "Alpha")
			r.alter(in, func(in *tenants.Integration) { in.Refresh = c.refresh })
			r.connects(in, "e-1", r.tracker.issues["#7"])
			delete(r.tracker.issues, "#7")
			for range 2 {
				got, err := r.scope.Refresh(t.Context(), in.ID, "e-1")
				require.NoError(t, err)
				require.Equal(t, "gone", got.Verdict)
				require.False(t, got.Changed)
				require.Contains(t, got.Message, "once a second reading, some minutes later, agrees")
			}
			env.Advance(time.Hour)
			got, err := r.scope.Refresh(t.Context(), in.ID, "e-1")
			require.NoError(t, err)
			require.True(t, got.Changed)
			require.Equal(t, c.state, got.Push.State)
			require.Equal(t, c.last, got.Message)
			rec, err := r.records.Get(t.Context(), got.Push.Key)
			require.NoError(t, err)
			require.Equal(t, c.now, connections.Button(rec).Label)
		})
	}
}

func TestRefreshSaysWhatItCannotRead(t *testing.T) {
	for name, c := range map[string]struct {
		kind    fault.Kind
		verdict string // empty: the tracker's error is returned
	}{
		"hidden":      {fault.NotFound, "hidden"},
		"a proxy":     {fault.Intermediary, ""},
		"the token":   {fault.Unauthorized, ""},
		"unreachable": {fault.Unavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, redistest.Mini(t), connections.TenantLimits{})
			in := r.integration("acme", "Alpha")
			r.connects(in, "e-1", r.tracker.issues["#7"])
			r.tracker.err = fault.New(c.kind, "read", "Fake says no.")
			got, err := r.scope.Refresh(t.Context(), in.ID, "e-1")
			if c.verdict == "" {
				require.ErrorIs(t, err, c.kind)
			} else {
				require.NoError(t, err)
				require.Equal(t, c.verdict, got.Verdict)
				require.False(t, got.Changed)
			}
			require.Empty(t, r.queue.runs)
		})
	}
}

func TestRefreshNeedsAnIssue(t *testing.T) {
	r := newRig(t, redistest.Mini(t), connections.TenantLimits{})
	in, foreign := r.integration("acme", "Alpha"), r.integration("other", "Alpha")
	r.fails(in, "e-1", "unavailable", "Fake is away.")
	r.connects(in, "e-2", r.tracker.issues["#7"])
	r.click(in, "e-3")
	for _, entity := range []string{"e-1", "e-3"} {
		_, err := r.scope.Refresh(t.Context(), in.ID, entity)
		require.ErrorIs(t, err, fault.Conflict, entity)
	}
	for _, who := range [][2]string{{in.ID, "e-9"}, {foreign.ID, "e-2"}, {in.ID, "a/b"}} {
		_, err := r.scope.Refresh(t.Context(), who[0], who[1])
		require.ErrorIs(t, err, fault.NotFound, "%v", who)
	}
	r.tracker.none = true
	_, err := r.scope.Refresh(t.Context(), in.ID, "e-2")
	require.ErrorIs(t, err, fault.Conflict)
	r.alter(in, func(in *tenants.Integration) { in.Disabled = true })
	_, err = r.scope.Refresh(t.Context(), in.ID, "e-2")
	require.ErrorIs(t, err, fault.Conflict)
}

func TestRefreshIntegration(t *testing.T) {
	r := newRig(t, redistest.Mini(t), connections.TenantLimits{})
	in, foreign := r.integration("acme", "Alpha"), r.integration("other", "Beta")
	var swept []string
	r.sweep = func(_ context.Context, tenant, integration string) error {
		swept = append(swept, tenant+"/"+integration)
		return nil
	}
	require.NoError(t, r.scope.RefreshIntegration(t.Context(), in.ID))
	require.NoError(t, r.scope.RefreshIntegration(t.Context(), "Alpha"))
	require.Equal(t, []string{"acme/" + in.ID, "acme/" + in.ID}, swept)
	var wrong *pushes.FieldError
	for _, which := range []string{"", "Beta", foreign.ID} {
		require.ErrorAs(t, r.scope.RefreshIntegration(t.Context(), which), &wrong, which)
		require.Equal(t, pushes.FieldIntegration, wrong.Field)
	}
	r.alter(in, func(in *tenants.Integration) { in.Refresh.Off = true })
	require.ErrorIs(t, r.scope.RefreshIntegration(t.Context(), in.ID), fault.Conflict)
	r.alter(in, func(in *tenants.Integration) {
		in.Refresh.Off, in.Reconnect = false, &tenants.Reconnect{Side: fault.SideTracker, Reason: "The token was revoked."}
	})
	require.ErrorIs(t, r.scope.RefreshIntegration(t.Context(), in.ID), fault.Unauthorized)
	require.Len(t, swept, 2)
	r.alter(in, func(in *tenants.Integration) { in.Reconnect = nil })
	away := errors.New("away")
	r.sweep = func(context.Context, string, string) error { return away }
	require.ErrorIs(t, r.scope.RefreshIntegration(t.Context(), in.ID), away)
}
