package hooks

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/limits/memory"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

// The limits of a webhook. Linear waits 5 s for an answer, GitHub 10 s.
const (
	// MaxBodies is how many bodies of one integration a process reads at once.
	MaxBodies = 4
	// maxShared is MaxBodies of a shared webhook. Anybody may begin a body there.
	maxShared = 16
	// answerTimeout bounds all of it, bodyTimeout the reading of the body,
	// memoryTimeout the wait for memory, and recordTimeout the recording.
	answerTimeout = 3 * time.Second
	bodyTimeout   = 1500 * time.Millisecond
	memoryTimeout = 200 * time.Millisecond
	recordTimeout = 1200 * time.Millisecond
	// formerFor is how long the secret before a handshake is taken.
	formerFor = 10 * time.Minute
	// weight is how much memory a body takes for each of its bytes, in bytes: itself
	// as it grows, and what is decoded of it.
	weight = 4
)

// Outcome is what became of a webhook.
type Outcome string

// The outcomes.
const (
	// Taken: its issues will be read again. It may have none, as a ping.
	Taken Outcome = "taken"
	// Replay: the same delivery came before.
	Replay Outcome = "replay"
	// Ignored: the integration is off, or nobody has such a route.
	Ignored Outcome = "ignored"
	// Refused: nothing proves who sent it.
	Refused Outcome = "refused"
	// Invalid: it is not what the tracker sends.
	Invalid Outcome = "invalid"
	// Busy: too many at once, or no memory.
	Busy Outcome = "busy"
	// Failed: it could not be kept.
	Failed Outcome = "failed"
	// Handshake: the tracker has told its secret.
	Handshake Outcome = "handshake"
)

// Hint names issues that are worth reading again.
type Hint struct {
	Tenant, Integration string
	// Delivery is the same for each try to deliver it; empty: not known.
	Delivery string
	Issues   []string
}

// Hints keeps hints, with one call of Redis each.
type Hints interface {
	Add(ctx context.Context, h Hint) (replay bool, err error)
}

// Integrations finds integrations and tenants, mostly from memory; tenants.Cache
// does.
type Integrations interface {
	tenants.ByID
	tenants.ByTenant
	// Refresh reads one whose remembered state is in doubt.
	Refresh(ctx context.Context, id string) (tenants.Integration, error)
}

// Secrets changes what is stored of a webhook; tenants.Store does.
type Secrets interface {
	SetHook(ctx context.Context, tenant, id string, change func(*tenants.Hook) bool) (tenants.Integration, error)
}

// Opener opens the tracker's side of an integration, and sends nothing.
type Opener interface {
	Target(ctx context.Context, in tenants.Integration) (*targets.Target, error)
}

// Receiver takes webhooks. Make it with NewReceiver.
type Receiver struct {
	integrations Integrations
	secrets      Secrets
	open         Opener
	hints        Hints
	budget       *memory.Budget
	log          *slog.Logger
	bodies       bodies
	opts         ReceiverOptions
}

// ReceiverOptions holds what a Receiver can do without.
type ReceiverOptions struct {
	// PublicURL is what trackers call the plugin by, for those that sign the address.
	PublicURL string
	// Routes, and Kinds with their secrets in Shared, are for apps' shared webhooks.
	Routes *Routes
	Kinds  []targets.Kind
	Shared map[string]secret.String
	// Observe is told of every webhook. target is the type of a tracker, empty where
	// it is not known.
	Observe func(target string, outcome Outcome, took time.Duration)
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// NewReceiver makes a Receiver. opts may be nil.
func NewReceiver(integrations Integrations, secrets Secrets, open Opener, hints Hints, budget *memory.Budget, log *slog.Logger, opts *ReceiverOptions) *Receiver {
	r := &Receiver{integrations: integrations, secrets: secrets, open: open, hints: hints, budget: budget, bodies: bodies{reading: map[string]int{}}}
	if opts != nil {
		r.opts = *opts
	}
	if r.opts.Now == nil {
		r.opts.Now = time.Now
	}
	// Anybody can cause these lines, as often as they like.
	r.log = slog.New(telemetry.NewFoldHandler(log.Handler(), func(line slog.Record) (string, bool) { return line.Message, true }))
	return r
}

// answer is what the tracker is told, and what is noted of it.
type answer struct {
	status  int
	header  http.Header
	outcome Outcome
	// err is why, for the log. Nothing of the webhook itself is in it.
	err error
}

func taken() answer   { return answer{status: http.StatusNoContent, outcome: Taken} }
func ignored() answer { return answer{status: http.StatusNoContent, outcome: Ignored} }
func refused() answer { return answer{status: http.StatusUnauthorized, outcome: Refused} }
func invalid(err error) answer {
	return answer{status: http.StatusBadRequest, outcome: Invalid, err: err}
}
func failed(err error) answer { return later(Failed, err) }
func busy(err error) answer   { return later(Busy, err) }

// later asks the tracker to try again.
func later(outcome Outcome, err error) answer {
	return answer{status: http.StatusServiceUnavailable, header: http.Header{"Retry-After": {"5"}}, outcome: outcome, err: err}
}

// receive takes a webhook that was sent to an integration's address. in is the zero
// value for a stranger.
func (r *Receiver) receive(ctx context.Context, id, token string, req request) (in tenants.Integration, a answer) {
	in, err := r.addressed(ctx, id, token)
	if errors.Is(err, fault.Unauthorized) {
		return tenants.Integration{}, refused()
	}
	if err != nil {
		return tenants.Integration{}, failed(err)
	}
	if off, err := r.off(ctx, in); off || err != nil {
		if err != nil {
			return in, failed(err)
		}
		return in, ignored()
	}
	h, end, refusal := r.read(ctx, in.Tenant, in.ID, MaxBodies, req)
	if refusal != nil {
		return in, *refusal
	}
	defer end()
	a = r.told(ctx, in, h)
	if a.outcome != Refused {
		return in, a
	}
	// Another process may have changed the secret, or awaits a handshake.
	now, err := r.integrations.Refresh(ctx, id)
	if err != nil || now.Version == in.Version || !fits(now, token) {
		return in, a
	}
	return now, r.told(ctx, now, h)
}

// addressed finds the integration that an address belongs to. Its error is
// fault.Unauthorized if there is none, without a word on which part is wrong.
func (r *Receiver) addressed(ctx context.Context, id, token string) (tenants.Integration, error) {
	for _, find := range []func(context.Context, string) (tenants.Integration, error){r.integrations.ByID, r.integrations.Refresh} {
		in, err := find(ctx, id)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return tenants.Integration{}, err
		}
		if fits(in, token) { // also of none, so that it takes as long
			return in, nil
		}
	}
	return tenants.Integration{}, fault.New(fault.Unauthorized, "receive webhook", "")
}

// fits compares a token in constant time.
func fits(in tenants.Integration, token string) bool {
	var known secret.String
	if in.Hook != nil {
		known = in.Hook.Token
	}
	return known.Equal(token) && !known.Empty() && in.HookMode() != tenants.HooksOff
}

// off reports whether nobody would read the issues that a webhook names.
func (r *Receiver) off(ctx context.Context, in tenants.Integration) (bool, error) {
	if in.Disabled || !in.Deleting.IsZero() || in.Refresh.Off {
		return true, nil
	}
	t, err := r.integrations.Tenant(ctx, in.Tenant)
	if errors.Is(err, fault.NotFound) {
		return true, nil
	}
	return t.Halted(), err
}

// told does what a webhook of a known integration says.
func (r *Receiver) told(ctx context.Context, in tenants.Integration, h targets.Hook) answer {
	target, err := r.open.Target(ctx, in)
	if err != nil {
		return failed(err)
	}
	if h.Now.Before(in.Hook.Handshake) {
		if signing, header, ok := target.Handshake(h); ok {
			return r.handshake(ctx, in, signing, header)
		}
	}
	events, err := readSigned(in.Hook, h, target.ReadHook)
	if err != nil {
		return unread(err)
	}
	return r.keep(ctx, hintOf(Ref{Tenant: in.Tenant, Integration: in.ID}, events))
}

// unread is the answer to a webhook that cannot be read.
func unread(err error) answer {
	switch fault.KindOf(err) {
	case fault.Unauthorized, fault.NotFound, fault.Forbidden:
		return refused()
	case fault.Invalid:
		return invalid(err)
	default:
		return failed(err)
	}
}

// readSigned reads with the secret, and with the one before while that is taken.
func readSigned(known *tenants.Hook, h targets.Hook, read func(secret.String, targets.Hook) ([]targets.HookEvent, error)) (events []targets.HookEvent, err error) {
	err = fault.New(fault.Unauthorized, "receive webhook", "")
	if !known.Secret.Empty() {
		events, err = read(known.Secret, h)
	}
	if errors.Is(err, fault.Unauthorized) && !known.Former.Empty() && h.Now.Before(known.FormerUntil) {
		return read(known.Former, h)
	}
	return events, err
}

// handshake stores the secret that the tracker has chosen. Each window takes one.
func (r *Receiver) handshake(ctx context.Context, in tenants.Integration, signing secret.String, header http.Header) answer {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	now, stored := r.opts.Now(), false
	_, err := r.secrets.SetHook(ctx, in.Tenant, in.ID, func(h *tenants.Hook) bool {
		stored = h.Token.Equal(in.Hook.Token.Reveal()) && now.Before(h.Handshake)
		if !stored {
			return false
		}
		if !h.Secret.Empty() {
			h.Former, h.FormerUntil = h.Secret, now.Add(formerFor)
		}
		h.Secret, h.Handshake = signing, time.Time{}
		return true
	})
	switch {
	case errors.Is(err, fault.NotFound), err == nil && !stored:
		return refused()
	case err != nil:
		return failed(err)
	}
	return answer{status: http.StatusOK, header: header, outcome: Handshake}
}

// hintOf makes one hint of a webhook's events.
func hintOf(to Ref, events []targets.HookEvent) Hint {
	hint, known := Hint{Tenant: to.Tenant, Integration: to.Integration}, true
	for i, e := range events {
		hint.Issues = append(hint.Issues, e.ID)
		known = known && e.Delivery != ""
		if i == 0 || e.Delivery != events[i-1].Delivery {
			hint.Delivery += "\n" + e.Delivery
		}
	}
	if !known { // then it cannot be told from another
		hint.Delivery = ""
	}
	return hint
}

// keep records a hint.
func (r *Receiver) keep(ctx context.Context, hint Hint) answer {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	replay, err := r.hints.Add(ctx, hint)
	switch {
	case err != nil:
		return failed(err)
	case replay:
		return answer{status: http.StatusNoContent, outcome: Replay}
	}
	return taken()
}
