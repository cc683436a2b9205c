package keeper_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/hooks"
	"pushbutton/internal/hooks/keeper"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

// tracker is one that takes webhooks as strictly as real ones do.
type tracker struct {
	mu sync.Mutex
	t  *testing.T
	// hooks is what it has: secrets by address.
	hooks map[string]string
	calls int
	next  int

	noReader, noRegistrar bool
	fails                 error
	ends                  time.Time
	route                 string
	// handshake, if set, is called with the address while a registration is open.
	handshake func(address string)
	// told is what of its secrets a removal names for hiding.
	told []secret.String
	// meanwhile, if set, is called while a registration is open, before the tracker
	// has changed anything, and then no more. after is called once it has.
	meanwhile, after func()
}

func (r *tracker) ReadsHooks() bool        { return !r.noReader }
func (r *tracker) RegistersHooks() bool    { return !r.noRegistrar }
func (r *tracker) ChoosesHookSecret() bool { return r.handshake != nil }

func (r *tracker) RegisterHook(_ context.Context, want targets.HookWanted) (targets.HookRegistration, bool, error) {
	r.mu.Lock()
	if meanwhile := r.meanwhile; meanwhile != nil {
		r.meanwhile = nil
		r.mu.Unlock()
		meanwhile()
		r.mu.Lock()
	}
	defer r.mu.Unlock()
	if r.noRegistrar {
		return targets.HookRegistration{}, false, nil
	}
	r.calls++
	require.True(r.t, strings.HasPrefix(want.URL, want.Prefix) && strings.HasSuffix(want.Prefix, "/"), "%s below %s", want.URL, want.Prefix)
	require.True(r.t, r.handshake != nil || !want.Secret.Empty(), "a secret")
	if r.fails != nil {
		return targets.HookRegistration{}, true, r.fails
	}
	if r.route != "" {
		return targets.HookRegistration{Route: r.route}, true, nil
	}
	known := r.hooks[want.URL] != ""
	for address := range r.hooks {
		if strings.HasPrefix(address, want.Prefix) {
			delete(r.hooks, address)
		}
	}
	r.hooks[want.URL] = "x" + want.Secret.Reveal()
	if r.handshake != nil && (!known || want.ID == "") {
		r.handshake(want.URL)
	}
	if r.handshake != nil && known && want.ID != "" {
		return targets.HookRegistration{ID: want.ID}, true, nil
	}
	r.next++
	if r.after != nil {
		r.after()
		return targets.HookRegistration{}, true, fault.Wrap(fault.Canceled, "register webhook", context.Canceled)
	}
	return targets.HookRegistration{ID: fmt.Sprint(r.next), Ends: r.ends}, true, nil
}

func (r *tracker) RemoveHook(_ context.Context, _, prefix string, hide ...secret.String) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = hide
	r.calls++
	if r.fails != nil {
		return true, r.fails
	}
	for address := range r.hooks {
		if strings.HasPrefix(address, prefix) {
			delete(r.hooks, address)
		}
	}
	return true, nil
}

type rig struct {
	t       *testing.T
	now     time.Time
	tracker *tracker
	store   *tenants.Store
	routes  *hooks.Routes
	keeper  *keeper.Keeper
	missed  int
	silent  []int // what was counted
	id      string
}

func newRig(t *testing.T, publicURL string) *rig {
	t.Helper()
	env := redistest.Mini(t)
	ring, err := secret.NewKeyring([]secret.Key{{ID: "k1", Bytes: bytes.Repeat([]byte("k"), secret.KeySize)}})
	require.NoError(t, err)
	r := &rig{t: t, now: time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC), store: tenants.NewStore(env.Client, ring), routes: hooks.NewRoutes(env.Client),
		tracker: &tracker{t: t, hooks: map[string]string{}}}
	_, err = r.store.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	in, err := r.store.Tenant("acme").Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "Engineering", Type: "com.example.x", ButtonLabel: "Push", ProductboardID: "pb",
		ActionAuth: tenants.NewActionAuth(), Productboard: tenants.APIToken(secret.New("token")),
		Target: tenants.TargetConfig{Type: "gitlab", Settings: map[string]any{"project": "a"}, Credentials: map[string]secret.String{"token": secret.New("canary-key")}}})
	require.NoError(t, err)
	r.id = in.ID
	open := func(context.Context, tenants.Integration) (keeper.Target, error) { return r.tracker, nil }
	r.keeper = keeper.New(r.store, r.routes, open, publicURL, &keeper.Options{Now: func() time.Time { return r.now }, Claims: keeper.NewClaims(env.Client),
		Abilities: func(string) (bool, bool) { return !r.tracker.noReader, !r.tracker.noRegistrar },
		MissedSweeps: func(_ context.Context, _ string, ids []string) ([]int, error) {
			return []int{r.missed}, nil
		},
		Silent: func(_ context.Context, n int) error {
			r.silent = append(r.silent, n)
			return nil
		},
		Active: func(ctx context.Context) iter.Seq2[tenants.Integration, error] {
			return func(yield func(tenants.Integration, error) bool) { yield(r.store.ByID(ctx, r.id)) }
		}})
	return r
}

const public = "https://push.example.com"

func (r *rig) in() tenants.Integration {
	r.t.Helper()
	in, err := r.store.ByID(r.t.Context(), r.id)
	require.NoError(r.t, err)
	return in
}

func (r *rig) change(f func(*tenants.Integration)) {
	r.t.Helper()
	in := r.in()
	f(&in)
	_, err := r.store.Tenant("acme").Update(r.t.Context(), in)
	require.NoError(r.t, err)
}

func (r *rig) ensure() keeper.Outcome {
	r.t.Helper()
	out, err := r.keeper.Ensure(r.t.Context(), r.in())
	require.NoError(r.t, err)
	return out
}

// tend returns how many calls one pass made.
func (r *rig) tend() int {
	r.t.Helper()
	before := r.tracker.calls
	require.NoError(r.t, r.keeper.Tend(r.t.Context()))
	return r.tracker.calls - before
}

func TestRegisteredOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	require.Equal(t, 1, r.tend())
	h := r.in().Hook
	require.Equal(t, map[string]string{public + "/hooks/" + r.id + "/" + h.Token.Reveal(): "x" + h.Secret.Reveal()}, r.tracker.hooks)
	require.Equal(t, "1", h.ID)
	require.Equal(t, r.now, h.Registered)
	require.NotContains(t, h.Of, "canary")

	require.Equal(t, keeper.Registered, r.ensure().State)
	require.Equal(t, 1, r.tracker.calls, "nothing is sent again")
	r.now = r.now.Add(23 * time.Hour)
	require.Zero(t, r.tend())
	r.now = r.now.Add(time.Hour)
	require.Equal(t, 1, r.tend(), "it is confirmed once a day")
	require.Equal(t, h.Token, r.in().Hook.Token)

	r.change(func(in *tenants.Integration) {
		in.Target.Credentials = map[string]secret.String{"token": secret.New("canary-new")}
	})
	require.Equal(t, 1, r.tend(), "another credential")
	require.Zero(t, r.tend())
	r.change(func(in *tenants.Integration) { in.Target.Settings = map[string]any{"project": "b"} })
	require.Equal(t, 1, r.tend(), "another place")
	require.Len(t, r.tracker.hooks, 1)
}

func TestRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	r.tracker.ends = r.now.Add(7*24*time.Hour + 6*time.Hour)
	require.Equal(t, 1, r.tend())
	r.now = r.now.Add(12 * time.Hour)
	require.Zero(t, r.tend(), "half of its life is not over")
	r.tracker.ends = r.now.Add(30 * 24 * time.Hour)
	r.now = r.now.Add(12 * time.Hour)
	require.Equal(t, 1, r.tend())
	r.tracker.ends = r.now.Add(2 * time.Hour)
	_, err := r.keeper.Register(t.Context(), r.in())
	require.NoError(t, err)
	require.Zero(t, r.tend(), "a short life is no reason to ask each minute")
	r.now = r.now.Add(time.Hour)
	require.Equal(t, 1, r.tend())
}

func TestAFailureIsToldAndTriedLessAndLessOften(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	r.tracker.fails = fault.New(fault.Forbidden, "register webhook", "The token lacks the scope api.")
	out := r.ensure()
	require.Equal(t, keeper.Failed, out.State)
	require.Equal(t, "The token lacks the scope api.", out.Problem)
	require.Empty(t, out.Steps)
	state, problem := r.keeper.StateOf(t.Context(), r.in())
	require.Equal(t, keeper.Failed, state)
	require.Equal(t, out.Problem, problem)

	tries := 0
	for range 24 * 60 {
		r.now = r.now.Add(time.Minute)
		tries += r.tend()
	}
	require.InDelta(t, 12, tries, 2, "1, 2, 4 ... minutes, then each 6 hours")
	r.tracker.fails = nil
	r.now = r.now.Add(6 * time.Hour)
	require.Equal(t, 1, r.tend())
	require.Empty(t, r.in().Hook.Problem)
	require.Zero(t, r.in().Hook.Failures)
}

func TestASilentWebhookIsRegisteredAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	require.Equal(t, 1, r.tend())
	r.missed = 3
	require.Zero(t, r.tend(), "it is new")
	r.now = r.now.Add(time.Hour)
	require.Equal(t, 1, r.tend())
	require.Zero(t, r.tend(), "not each minute")
	r.missed = 2
	r.now = r.now.Add(time.Hour)
	require.Zero(t, r.tend())
	require.Equal(t, []int{0, 1, 1, 1, 0}, r.silent)
}

func TestOnlyWebhooksThatAreWantedAreSilent(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	r.missed, r.tracker.noReader = 9, true
	r.tend()
	r.tracker.noReader = false
	r.change(func(in *tenants.Integration) { in.Hooks = tenants.HooksOff })
	r.tend()
	r.change(func(in *tenants.Integration) { in.Hooks = tenants.HooksManual })
	r.tend()
	require.Equal(t, []int{0, 0, 0}, r.silent, "nobody was told how to set it up")
	r.ensure()
	r.tend()
	require.Equal(t, []int{0, 0, 0, 1}, r.silent)
}

func TestRotate(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	r.ensure()
	before := *r.in().Hook
	out, err := r.keeper.Rotate(t.Context(), r.in())
	require.NoError(t, err)
	require.Equal(t, keeper.Registered, out.State)
	h := r.in().Hook
	require.Equal(t, before.Secret, h.Former)
	require.Equal(t, r.now.Add(10*time.Minute), h.FormerUntil)
	require.NotEqual(t, before.Secret, h.Secret)
	require.Equal(t, before.Token, h.Token)
	require.Equal(t, map[string]string{public + "/hooks/" + r.id + "/" + h.Token.Reveal(): "x" + h.Secret.Reveal()}, r.tracker.hooks)
	require.Zero(t, r.tend())

	r.tracker.fails = fault.New(fault.Unavailable, "register webhook", "GitLab cannot be reached.")
	out, err = r.keeper.Rotate(t.Context(), r.in())
	require.NoError(t, err)
	require.Equal(t, keeper.Failed, out.State)
	r.tracker.fails = nil
	r.now = r.now.Add(time.Minute)
	require.Equal(t, 1, r.tend())
	require.Equal(t, "x"+r.in().Hook.Secret.Reveal(), r.tracker.hooks[public+"/hooks/"+r.id+"/"+h.Token.Reveal()])
}

func TestByHand(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(r *rig){
		"as the admin wants":  func(r *rig) { r.change(func(in *tenants.Integration) { in.Hooks = tenants.HooksManual }) },
		"as the tracker does": func(r *rig) { r.tracker.noRegistrar = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, public)
			set(r)
			require.Zero(t, r.tend())
			require.Nil(t, r.in().Hook, "nobody would be told the steps")
			out := r.ensure()
			require.Equal(t, keeper.Manual, out.State)
			h := r.in().Hook
			text := strings.Join(out.Steps, "\n")
			require.Contains(t, text, public+"/hooks/"+r.id+"/"+h.Token.Reveal())
			require.Contains(t, text, h.Secret.Reveal())
			require.Empty(t, r.ensure().Steps, "they are told once")
			require.Zero(t, r.tend())
			require.Zero(t, r.tracker.calls)

			out, err := r.keeper.Rotate(t.Context(), r.in())
			require.NoError(t, err)
			require.Contains(t, strings.Join(out.Steps, "\n"), r.in().Hook.Secret.Reveal())
			require.Equal(t, h.Secret, r.in().Hook.Former)
		})
	}
}

func TestFromAutoToManualAndOff(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	r.ensure()
	first := r.in().Hook.Token
	r.change(func(in *tenants.Integration) { in.Hooks = tenants.HooksManual })
	out := r.ensure()
	require.Equal(t, keeper.Manual, out.State)
	require.NotEmpty(t, out.Steps)
	require.Empty(t, r.tracker.hooks, "or each event came twice")
	require.NotEqual(t, first, r.in().Hook.Token)

	r.change(func(in *tenants.Integration) { in.Hooks = tenants.HooksAuto })
	require.Equal(t, keeper.Registered, r.ensure().State)
	r.change(func(in *tenants.Integration) { in.Hooks = tenants.HooksOff })
	r.tracker.fails = fault.New(fault.Unavailable, "remove webhook", "GitLab cannot be reached.")
	require.Equal(t, keeper.Failed, r.ensure().State)
	require.NotNil(t, r.in().Hook, "it is asked again")
	r.tracker.fails = nil
	r.now = r.now.Add(time.Minute)
	require.Equal(t, 1, r.tend())
	require.Nil(t, r.in().Hook)
	require.Empty(t, r.tracker.hooks)
	require.Zero(t, r.tend())
	_, err := r.keeper.Rotate(t.Context(), r.in())
	require.ErrorIs(t, err, fault.Conflict)

	r.change(func(in *tenants.Integration) { in.Hooks = tenants.HooksAuto })
	r.ensure()
	r.change(func(in *tenants.Integration) { in.Hooks = tenants.HooksOff })
	r.tracker.fails = fault.New(fault.Forbidden, "remove webhook", "The token lacks the scope api.")
	out = r.ensure()
	require.Equal(t, keeper.Off, out.State)
	require.Contains(t, out.Problem, "Delete it there")
	require.Nil(t, r.in().Hook)
}

// The tracker chooses the secret while the registration is open.
func TestHandshake(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	chosen := 0
	r.tracker.handshake = func(address string) {
		_, err := r.store.SetHook(t.Context(), "acme", r.id, func(h *tenants.Hook) bool {
			require.True(t, strings.HasSuffix(address, "/"+h.Token.Reveal()))
			require.True(t, r.now.Before(h.Handshake), "the window is open before the tracker is asked")
			chosen++
			h.Former, h.FormerUntil = h.Secret, r.now.Add(10*time.Minute) // as hooks.Receiver does
			h.Secret, h.Handshake = secret.New(fmt.Sprint("chosen-", chosen)), time.Time{}
			return true
		})
		require.NoError(t, err)
	}
	require.Equal(t, keeper.Registered, r.ensure().State)
	require.Equal(t, "chosen-1", r.in().Hook.Secret.Reveal())
	require.Zero(t, r.tend())
	before := *r.in().Hook
	_, err := r.keeper.Rotate(t.Context(), r.in())
	require.NoError(t, err)
	h := r.in().Hook
	require.Equal(t, "chosen-2", h.Secret.Reveal())
	require.Equal(t, before.Secret, h.Former)
	require.Len(t, r.tracker.hooks, 1)

	// What the tracker has goes on until it has chosen anew.
	r.tracker.fails = fault.New(fault.Unavailable, "register webhook", "Asana cannot be reached.")
	_, err = r.keeper.Rotate(t.Context(), r.in())
	require.NoError(t, err)
	require.Equal(t, h.Token, r.in().Hook.Token)
	require.Equal(t, h.Secret, r.in().Hook.Secret)
	r.tracker.fails = nil
	r.now = r.now.Add(time.Minute)
	require.Equal(t, 1, r.tend())
	require.Equal(t, "chosen-3", r.in().Hook.Secret.Reveal())
	require.True(t, r.in().Hook.Handshake.IsZero(), "the window closes")

	answers := r.tracker.handshake
	r.tracker.handshake = func(string) {}
	out, err := r.keeper.Rotate(t.Context(), r.in())
	require.NoError(t, err)
	require.Equal(t, keeper.Failed, out.State)
	require.Contains(t, out.Problem, "no secret came")
	r.tracker.handshake = answers
	r.now = r.now.Add(time.Minute)
	require.Equal(t, 1, r.tend())
	require.Equal(t, "chosen-4", r.in().Hook.Secret.Reveal(), "it is made anew, or no secret would ever come")
	require.Empty(t, r.in().Hook.Problem)
}

func TestSharedWebhook(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	r.tracker.route = "7/42"
	require.Equal(t, keeper.Registered, r.ensure().State)
	refs := func(route string) int {
		found, err := r.routes.ByRoute(t.Context(), "gitlab", route)
		require.NoError(t, err)
		return len(found)
	}
	require.Equal(t, 1, refs("7/42"))
	r.tracker.route = "7/43"
	_, err := r.keeper.Register(t.Context(), r.in())
	require.NoError(t, err)
	require.Zero(t, refs("7/42"))
	require.Equal(t, 1, refs("7/43"))
	require.NoError(t, r.keeper.Remove(t.Context(), r.in()))
	require.Zero(t, refs("7/43"))
}

func TestWhatCannotBe(t *testing.T) {
	t.Parallel()
	r := newRig(t, "http://push.example.com")
	out := r.ensure()
	require.Equal(t, keeper.Failed, out.State)
	require.Contains(t, out.Problem, "https://")
	require.Nil(t, r.in().Hook)

	r = newRig(t, public)
	r.tracker.noReader = true
	require.Equal(t, keeper.None, r.ensure().State)
	require.Zero(t, r.tend())

	for name, spoil := range map[string]func(in *tenants.Integration){
		"disabled": func(in *tenants.Integration) { in.Disabled = true },
		"deleting": func(in *tenants.Integration) { in.Deleting = time.Unix(1, 0) },
		"reconnect": func(in *tenants.Integration) {
			in.Reconnect = &tenants.Reconnect{Side: fault.SideTracker, Reason: "x", Since: time.Unix(1, 0)}
		},
	} {
		r := newRig(t, "http://127.0.0.1:8080")
		r.change(spoil)
		require.Zero(t, r.tend(), name)
	}
}

// The webhook of a place that the settings no longer name does not stay.
func TestMoved(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	r.ensure()
	before := r.in()
	in, err := r.keeper.Moved(t.Context(), before, before)
	require.NoError(t, err)
	require.Empty(t, in.Hook.ID)
	require.Empty(t, r.tracker.hooks)
	require.Contains(t, r.tracker.told, before.Hook.Token)
	require.Contains(t, r.tracker.told, before.Hook.Secret)
	require.Equal(t, 1, r.tend())
	require.Len(t, r.tracker.hooks, 1)
}
