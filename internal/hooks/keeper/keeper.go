// Package keeper keeps each integration's webhook at its tracker: it makes address
// and secret, registers, renews, rotates and removes.
//
// What must not live here: what comes in by a webhook (hooks), a tracker's wire
// format (targets), and how an integration is stored (tenants).
package keeper

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"iter"
	"log/slog"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/hooks"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/catalog"
	"pushbutton/internal/tenants"
)

const (
	// confirmAfter is how old a registration may be before the tracker is asked again.
	confirmAfter = 24 * time.Hour
	// renewAhead is how long before its end a registration is renewed.
	renewAhead = 7 * 24 * time.Hour
	// silentAfter is the least time between two registrations of a silent webhook.
	silentAfter = time.Hour
	// handshakeFor is for how long the tracker may send its secret after the plugin
	// asked for the webhook, and handshakeByHand after an admin was told the steps.
	handshakeFor    = time.Minute
	handshakeByHand = 24 * time.Hour
	// formerFor is for how long a replaced secret is taken once the tracker has the
	// new one, and formerPending for how long at most until it has.
	formerFor     = 10 * time.Minute
	formerPending = 30 * 24 * time.Hour
	// firstRetry and lastRetry bound the wait after a failure, which doubles.
	firstRetry = time.Minute
	lastRetry  = 6 * time.Hour
	// removeLimit bounds the removal at a tracker, which a deletion waits for.
	removeLimit = 15 * time.Second
	// SilentSweeps is how many sweeps in a row must find what no webhook told before
	// the webhook counts as silent.
	SilentSweeps = 3
)

// State says how an integration's webhook is.
type State string

// The states.
const (
	// Registered: the plugin has registered it at the tracker.
	Registered State = "registered"
	// Manual: an admin sets it up.
	Manual State = "manual"
	// Off: none is taken.
	Off State = "off"
	// Failed: the plugin could not register it, and tries again.
	Failed State = "failed"
	// Pending: the plugin will register it within minutes.
	Pending State = "pending"
	// None: the tracker sends none that can be read.
	None State = "none"
)

// Outcome is what became of a webhook.
type Outcome struct {
	State State
	// Changed says that the tracker was asked to change something.
	Changed bool
	// Problem says why it failed, and what to do; empty: it did not.
	Problem string
	// Steps say how an admin sets it up, with address and secret. They are there
	// only if one of the two was made just now.
	Steps []string
	// Integration is the integration afterwards.
	Integration tenants.Integration
}

// Target is a tracker; *targets.Target is one.
type Target interface {
	RegisterHook(ctx context.Context, want targets.HookWanted) (got targets.HookRegistration, supported bool, err error)
	RemoveHook(ctx context.Context, id, prefix string, hide ...secret.String) (supported bool, err error)
	ReadsHooks() bool
	RegistersHooks() bool
	ChoosesHookSecret() bool
}

// Store keeps webhooks; *tenants.Store does.
type Store interface {
	SetHook(ctx context.Context, tenant, id string, change func(*tenants.Hook) bool) (tenants.Integration, error)
}

// Routes leads shared webhooks to integrations; *hooks.Routes does.
type Routes interface {
	AddRoute(ctx context.Context, kind, route string, to hooks.Ref) error
	RemoveRoute(ctx context.Context, kind, route string, to hooks.Ref) error
}

// Open opens the tracker of an integration. It sends nothing.
type Open func(ctx context.Context, in tenants.Integration) (Target, error)

// Options are what a Keeper can do without.
type Options struct {
	// Active lists the integrations of all tenants that are not halted. Needed for
	// Tend alone.
	Active func(ctx context.Context) iter.Seq2[tenants.Integration, error]
	// MissedSweeps returns how many sweeps in a row found what an integration's
	// webhook had not told, for each of a tenant's integrations; nil: not known.
	MissedSweeps func(ctx context.Context, tenant string, integrations []string) ([]int, error)
	// Silent is told at the end of each whole pass how many webhooks are silent; nil:
	// nobody is.
	Silent func(ctx context.Context, n int) error
	// Abilities says whether a kind of tracker has webhooks that can be read, and
	// whether the plugin can register them; nil: as the catalog has it.
	Abilities func(kind string) (reads, registers bool)
	// Claims has processes work on a webhook one after the other; nil: nothing does.
	Claims *Claims
	// Log is where failures go; nil: nowhere.
	Log *slog.Logger
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Keeper keeps webhooks. It is safe for concurrent use.
type Keeper struct {
	store     Store
	routes    Routes
	open      Open
	publicURL string
	opts      Options
}

// New makes a Keeper. publicURL is the address by which trackers reach the plugin,
// without a trailing slash. opts may be nil.
func New(store Store, routes Routes, open Open, publicURL string, opts *Options) *Keeper {
	k := &Keeper{store: store, routes: routes, open: open, publicURL: publicURL}
	if opts != nil {
		k.opts = *opts
	}
	if k.opts.Abilities == nil {
		k.opts.Abilities = abilities
	}
	if k.opts.Log == nil {
		k.opts.Log = slog.New(slog.DiscardHandler)
	}
	if k.opts.Now == nil {
		k.opts.Now = time.Now
	}
	return k
}

func abilities(kind string) (reads, registers bool) {
	known, _ := catalog.ByType(kind)
	_, reads = targets.Ability[targets.HookReader](known.Driver)
	_, registers = targets.Ability[targets.HookRegistrar](known.Driver)
	return reads, registers
}

func (k *Keeper) now() time.Time { return k.opts.Now().UTC() }

// prefix begins the addresses of an integration's webhooks.
func (k *Keeper) prefix(in tenants.Integration) string {
	return k.publicURL + hooks.Path + in.ID + "/"
}

func (k *Keeper) address(in tenants.Integration) string { return k.prefix(in) + in.Hook.Token.Reveal() }

// StateOf returns how an integration's webhook is, and what is wrong with it. It
// sends nothing.
func (k *Keeper) StateOf(ctx context.Context, in tenants.Integration) (state State, problem string) {
	switch {
	case in.Hook != nil && in.Hook.Problem != "":
		return Failed, in.Hook.Problem
	case !wanted(in):
		return Off, ""
	}
	target, err := k.open(ctx, in)
	if err != nil {
		return Failed, sentence(err)
	}
	return k.stateOf(in, target)
}

func (k *Keeper) stateOf(in tenants.Integration, target Target) (state State, problem string) {
	switch {
	case !wanted(in):
		return Off, ""
	case !target.ReadsHooks():
		return None, ""
	case k.unreachable() != "":
		return Failed, k.unreachable()
	case in.Hook != nil && in.Hook.Problem != "":
		return Failed, in.Hook.Problem
	case in.HookMode() == tenants.HooksManual || !target.RegistersHooks():
		return Manual, ""
	case in.Hook == nil || in.Hook.Registered.IsZero():
		return Pending, ""
	default:
		return Registered, ""
	}
}

// wanted reports whether webhooks are to be taken. Without refresh nobody would
// read what they hint at.
func wanted(in tenants.Integration) bool {
	return in.HookMode() != tenants.HooksOff && !in.Refresh.Off
}

// unreachable says why trackers cannot reach the plugin; empty: they can.
func (k *Keeper) unreachable() string {
	u, err := url.Parse(k.publicURL)
	if err != nil || u.Hostname() == "" {
		return "No tracker can reach this plugin: PLUGIN_PUBLIC_URL is not set."
	}
	addr, err := netip.ParseAddr(u.Hostname())
	loopback := err == nil && addr.IsLoopback() || u.Hostname() == "localhost"
	if u.Scheme != "https" && !loopback {
		return "PLUGIN_PUBLIC_URL must start with https:// for trackers to send webhooks."
	}
	return ""
}

// digest stands for the target and the address that a webhook is registered with.
// It is keyed, since it is stored in plain beside sealed credentials.
func (k *Keeper) digest(in tenants.Integration) string {
	mac := hmac.New(sha256.New, []byte(in.Hook.Token.Reveal()))
	settings, _ := json.Marshal(in.Target.Settings) // it was stored as JSON
	parts := []string{k.publicURL, in.Target.Type, string(settings), in.Hook.Secret.Reveal()}
	for _, name := range slices.Sorted(maps.Keys(in.Target.Credentials)) {
		parts = append(parts, name, in.Target.Credentials[name].Reveal())
	}
	_, _ = mac.Write([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// Steps say how an admin sets the webhook up by hand. They hold address and secret.
func (k *Keeper) Steps(in tenants.Integration) []string {
	if in.Hook == nil {
		return nil
	}
	kind, _ := catalog.ByType(in.Target.Type)
	steps := kind.Guide.Hook
	if len(steps) == 0 {
		steps = []string{"Add a webhook for changes of issues in " + kind.Title + ", with the address " + targets.HookAddress + " and the secret " + targets.HookSecret + "."}
	}
	fill := strings.NewReplacer(targets.HookAddress, k.address(in), targets.HookSecret, orChosen(in.Hook.Secret))
	out := make([]string, len(steps))
	for i, s := range steps {
		out[i] = fill.Replace(s)
	}
	return out
}

func orChosen(s secret.String) string {
	if s.Empty() {
		return "(the tracker chooses it)"
	}
	return s.Reveal()
}

// sentence is what a person may read of an error.
func sentence(err error) string {
	f := fault.From(err)
	if f.Public != "" {
		return f.Public
	}
	return "The webhook could not be registered (" + f.Kind.String() + ")."
}
