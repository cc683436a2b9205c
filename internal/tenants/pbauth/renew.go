package pbauth

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

const (
	// storeTries and storeLimit bound the storing of what Productboard gave,
	// which goes on when the caller has given up.
	storeTries = 3
	storeLimit = 2 * time.Second
	// pollLeast and pollMost are between two looks at what another process is
	// asking for.
	pollLeast = 20 * time.Millisecond
	pollMost  = 200 * time.Millisecond
)

var errFenced = errors.New("another process asks for the token by now")

// renew gets another token than the rejected one; without a rejected one, a
// token that is not about to expire. Callers of one process share the work,
// which outlives one that gives up: others may wait for it too.
func (a *Auth) renew(ctx context.Context, in tenants.Integration, rejected secret.String) (secret.String, error) {
	flight := in.ID + " " + client(in.Productboard) + " " + rejected.Fingerprint()
	result := a.flight.DoChan(flight, func() (any, error) {
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), a.opts.Wait, errBusy)
		defer cancel()
		p, err := a.turn(ctx, in, rejected)
		if err == nil {
			a.remember(in, p)
		}
		return p.access, err
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return secret.String{}, r.Err
		}
		return r.Val.(secret.String), nil
	case <-ctx.Done():
		return secret.String{}, fault.Wrap(fault.Canceled, "renew token", context.Cause(ctx))
	}
}

var errBusy = errors.New("another process is asking for the token for too long")

// turn waits for this process' turn, and asks if it is still needed then.
func (a *Auth) turn(ctx context.Context, in tenants.Integration, rejected secret.String) (pair, error) {
	owner := rand.Text()
	for {
		lockedAt := time.Now()
		verdict, doc, err := a.run(ctx, in, "take", owner, a.opts.Lock, "")
		if err != nil {
			return pair{}, busyFault(ctx, err)
		}
		p, err := a.decode(in, doc)
		useful := err == nil && a.serves(p, rejected, verdict == "busy")
		switch {
		case verdict == "busy" && useful:
			return p, nil
		case verdict == "busy":
			if err := pause(ctx); err != nil {
				return pair{}, busyFault(ctx, err)
			}
			continue
		case err != nil || useful || p.ended != "":
			a.drop(ctx, in, owner)
			if err == nil && p.ended != "" {
				err = unauthorized("renew token", p.ended, nil)
			}
			return p, err
		}
		return a.renewLocked(ctx, in, p, owner, lockedAt)
	}
}

// serves reports whether a stored token does for the caller. While another
// process asks, one that works still is good enough.
func (a *Auth) serves(p pair, rejected secret.String, busy bool) bool {
	if p.access.Empty() || p.ended != "" {
		return false
	}
	if !rejected.Empty() && p.access.Equal(rejected.Reveal()) {
		return false
	}
	now := a.opts.Now()
	return now.Before(p.renew) || busy && now.Before(p.until)
}

// renewLocked asks Productboard, holding the lock, and stores the answer.
func (a *Auth) renewLocked(ctx context.Context, in tenants.Integration, p pair, owner string, lockedAt time.Time) (pair, error) {
	if in.Productboard.Kind == tenants.AuthOAuth && p.refresh.Empty() {
		a.drop(ctx, in, owner)
		return pair{}, unauthorized("renew token", notConnected, nil)
	}
	// If this process dies, somebody has to finish before the grace is over.
	if err := a.due(ctx, in, a.opts.Now().Add(2*a.opts.Lock)); err != nil {
		a.drop(ctx, in, owner)
		return pair{}, err
	}
	// A process that was frozen must not send what another has sent meanwhile.
	// The request ends within a third of the lock's life, so it ends before
	// anybody else begins.
	fctx := outbound.WithFence(ctx, func() error {
		if time.Since(lockedAt) > a.opts.Lock/2 {
			return errFenced
		}
		return nil
	})
	var next pair
	var err error
	if in.Productboard.Kind == tenants.AuthJWT {
		next, err = a.assert(fctx, in.Productboard)
	} else {
		next, err = a.refresh(fctx, in, p.refresh)
	}
	if in.Productboard.Kind == tenants.AuthOAuth && hasOAuthCode(err, "invalid_grant") {
		a.opts.Log.WarnContext(ctx, "productboard ended a session", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID)
		if _, _, serr := a.put(ctx, in, owner, pair{ended: ended}); serr != nil {
			return pair{}, errors.Join(err, serr)
		}
		return pair{}, err
	}
	if err != nil {
		a.drop(ctx, in, owner)
		return pair{}, err
	}
	return a.keep(ctx, in, owner, next)
}

// keep stores a new pair before anybody uses it. If that fails the former
// refresh token is used once more, within the grace.
func (a *Auth) keep(ctx context.Context, in tenants.Integration, owner string, next pair) (pair, error) {
	verdict, doc, err := a.put(ctx, in, owner, next)
	if err != nil {
		a.opts.Log.WarnContext(ctx, "a new token could not be stored", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID, telemetry.KeyError, err)
		return pair{}, err
	}
	if verdict == "lost" {
		// Somebody took over and has tokens of its own. Which of the two
		// Productboard gave later is not known, so the stored one is used soon.
		a.opts.Log.WarnContext(ctx, "another process took over while a token was asked for", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID)
		p, err := a.decode(in, doc)
		if err == nil && (p.access.Empty() || p.ended != "") {
			err = &fault.Error{Op: "renew token", Kind: fault.Conflict, Side: fault.SidePlugin, Err: errFenced}
		}
		return p, errors.Join(err, a.due(ctx, in, a.opts.Now()))
	}
	if in.Productboard.Kind == tenants.AuthOAuth {
		// Half of its life is early enough not to lose a session that rests.
		if err := a.due(ctx, in, a.opts.Now().Add(next.refreshUntil.Sub(a.opts.Now())/2)); err != nil {
			a.opts.Log.WarnContext(ctx, "session stored but not noted", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID, telemetry.KeyError, err)
		}
	}
	return next, nil
}

func (a *Auth) put(ctx context.Context, in tenants.Integration, owner string, p pair) (verdict, doc string, err error) {
	raw, err := a.encode(in, p)
	if err != nil {
		return "", "", fault.Wrap(fault.Internal, "seal tokens", err)
	}
	for range storeTries {
		sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
		verdict, doc, err = a.run(sctx, in, "put", owner, a.life(p), raw)
		cancel()
		if err == nil {
			break
		}
	}
	if err == nil && verdict == "lost" && doc == raw {
		verdict = "done" // an earlier try was carried out after all
	}
	return verdict, doc, err
}

func (a *Auth) drop(ctx context.Context, in tenants.Integration, owner string) {
	sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	_, _, _ = a.run(sctx, in, "drop", owner, 0, "") // it ends by itself otherwise
}

func pause(ctx context.Context) error {
	timer := time.NewTimer(pollLeast + mathrand.N(pollMost-pollLeast)) //nolint:gosec // nothing to guess
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// busyFault is a wait that was too long.
func busyFault(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return &fault.Error{Op: "renew token", Kind: fault.Unavailable, Side: fault.SidePlugin, RetryAfter: time.Second, Err: err,
		Public: "The plugin is renewing its access to Productboard. Please try again in a minute."}
}
