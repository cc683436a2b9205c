package register_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// ends makes the tracker tell when its credential ends.
func (r *rig) ends(at time.Time) { r.checked.ExpiryKnown, r.checked.Expires = true, at }

func expiryFindings(t *testing.T, r *rig, id string) (levels []string, messages string) {
	t.Helper()
	found, err := r.reg.Check(t.Context(), "acme", id)
	require.NoError(t, err)
	for _, f := range found {
		if strings.Contains(f.Message, "ends on") || strings.Contains(f.Message, "ended on") || strings.Contains(f.Message, "good until") {
			levels, messages = append(levels, string(f.Level)+" "+f.Subject+" "+f.Field), messages+f.Message
		}
	}
	return levels, messages
}

// A check tells when the credential ends, warns 14 days ahead, and stores it.
func TestCheckTellsTheEndOfACredential(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	now := time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC)
	r.set(func(o *register.Options) { o.Now = func() time.Time { return now } })
	r.tenant()
	in := r.create("Engineering")
	require.Empty(t, in.Expires)
	levels, _ := expiryFindings(t, r, in.ID)
	require.Empty(t, levels, "nobody tells")

	r.ends(now.Add(15 * 24 * time.Hour))
	levels, messages := expiryFindings(t, r, in.ID)
	require.Equal(t, []string{"ok tracker "}, levels)
	require.Contains(t, messages, "good until 2026-12-16 10:00 UTC")
	require.Equal(t, now.Add(15*24*time.Hour), r.stored(in.ID).Expires[fault.SideTracker].At)
	version := r.stored(in.ID).Version

	now = now.Add(25 * time.Hour)
	levels, messages = expiryFindings(t, r, in.ID)
	require.Equal(t, []string{"warning tracker target.credentials"}, levels)
	require.Contains(t, messages, "ends on 2026-12-16 10:00 UTC, in 13 days. Make a new one there")
	require.Equal(t, version, r.stored(in.ID).Version, "it was known")

	now = now.Add(13 * 24 * time.Hour)
	_, messages = expiryFindings(t, r, in.ID)
	require.Contains(t, messages, "in 23 hours")
	now = now.Add(24 * time.Hour)
	_, messages = expiryFindings(t, r, in.ID)
	require.Contains(t, messages, "ended on 2026-12-16 10:00 UTC")
	r.ends(time.Time{})
	levels, _ = expiryFindings(t, r, in.ID)
	require.Empty(t, levels, "it has no end any more")
}

// What is changed keeps the end of a credential that stays, and learns that of
// a new one.
func TestEndOfACredentialThroughChanges(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	r.tenant()
	now := time.Now().UTC().Truncate(time.Second)
	r.set(func(o *register.Options) { o.Now = func() time.Time { return now } })
	soon := now.Add(3 * 24 * time.Hour)
	r.ends(soon)
	in := r.create("Engineering")
	end := func() time.Time { return r.stored(in.ID).Expires[fault.SideTracker].At }
	require.Equal(t, soon, end())
	patch := func(change func(*tenants.Integration)) register.Result {
		_, res, err := r.reg.Patch(t.Context(), "acme", in.ID, func(in *tenants.Integration) error { change(in); return nil })
		require.NoError(t, err)
		return res
	}
	r.checked = register.Checked{}
	res := patch(func(in *tenants.Integration) { in.ButtonLabel = "Go" })
	require.Equal(t, soon, end())
	require.Contains(t, res.Warning, "in 3 days")
	_, _, err := r.reg.RotateActionSecret(t.Context(), "acme", in.ID, func(tenants.Integration) error { return nil })
	require.NoError(t, err)
	require.Equal(t, soon, end(), "it is no other credential")

	later := soon.Add(365 * 24 * time.Hour)
	r.ends(later)
	res = patch(func(in *tenants.Integration) { in.Target.Credentials["apiKey"] = secret.New("canary-new") })
	require.Equal(t, later, end())
	require.Empty(t, res.Warning)
	r.checked = register.Checked{}
	patch(func(in *tenants.Integration) { in.Target.Credentials["apiKey"] = secret.New("canary-newer") })
	require.Zero(t, end(), "nobody knows")
}
