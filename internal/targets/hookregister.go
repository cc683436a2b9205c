package targets

import (
	"context"
	"net/http"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
)

// The operations on webhooks, as they stand in errors and metrics.
const (
	OpRegisterHook = "register webhook"
	OpRemoveHook   = "remove webhook"
)

// maxHookID bounds HookRegistration.ID, in bytes: it is the tracker's, and is stored.
const maxHookID = 2000

// HookRegistrar is the ability to have the tracker send webhooks about the issues of
// the place that the settings name.
type HookRegistrar interface {
	// RegisterHook makes sure that the tracker has exactly one active webhook for the
	// integration, with the address and the secret that are wanted. One that is
	// there already, by its id or by an address below HookWanted.Prefix, is changed
	// rather than doubled; what is left over of that prefix is removed. It may be
	// called at any time, and again after a failure. Where the credential may not
	// register webhooks, the error is fault.Forbidden (or Unauthorized), and Public
	// says which right is missing.
	RegisterHook(ctx context.Context, want HookWanted) (HookRegistration, error)
	// RemoveHook removes the webhook with HookRegistration.ID, and whatever has an
	// address below prefix. One that is gone is no error.
	RemoveHook(ctx context.Context, id, prefix string) error
}

// HookWanted is a webhook as it shall be.
type HookWanted struct {
	// URL is where it is sent to. Its last segment cannot be guessed.
	URL string
	// Prefix begins the addresses that belong to this integration, also those from
	// before. It ends with a slash.
	Prefix string
	// Secret is what the tracker signs with. A HookHandshaker's is chosen by the
	// tracker, and this one ignored.
	Secret secret.String
	// ID is HookRegistration.ID as it was last returned; empty: never.
	ID string
}

// HookRegistration is a webhook as the tracker has it.
type HookRegistration struct {
	// ID is the tracker's own name for it; several are joined as the driver likes.
	ID string
	// Ends is when the tracker stops sending unless it is registered again; zero:
	// never.
	Ends time.Time
	// Route, if set, says that events come through the app's one webhook
	// (Kind.SharedHook), and by which of its routes. The integration has none of
	// its own then.
	Route string
}

// HookHandshaker is the ability of a tracker that chooses the secret itself, and
// sends it to the new webhook's address while the request that registers it is
// still open. RegisterHook makes a new webhook if HookWanted.ID is empty, so that
// the tracker chooses anew.
type HookHandshaker interface {
	// Handshake returns the secret that a request brings, and the headers that the
	// answer must have; ok is false where it is no handshake.
	Handshake(h Hook) (signing secret.String, answer http.Header, ok bool)
}

// SharedEvents are what an app's one webhook tells.
type SharedEvents struct {
	// Route is that of HookRegistration.
	Route  string
	Events []HookEvent
}

// RegisterHook has the tracker send webhooks; see HookRegistrar. supported is false
// where an admin has to set them up (Guide.Hook), or the tracker has none.
func (t *Target) RegisterHook(ctx context.Context, want HookWanted) (got HookRegistration, supported bool, err error) {
	driver, ok := Ability[HookRegistrar](t.driver)
	if !ok {
		return HookRegistration{}, false, nil
	}
	err = t.run(ctx, OpRegisterHook, func(ctx context.Context) error {
		var err error
		got, err = driver.RegisterHook(ctx, want)
		if err == nil && len(got.ID) > maxHookID {
			err = &fault.Error{Kind: fault.Unavailable, Public: t.traits.Name + " gave the webhook an id that is too long."}
		}
		return maskHook(err, want.Secret.Reveal(), want.URL[strings.LastIndexByte(want.URL, '/')+1:])
	})
	if err != nil {
		return HookRegistration{}, true, err
	}
	return got, true, nil
}

// maskHook hides in an error what proves who sends webhooks: the secret, and the
// address's last segment. A tracker that refuses an address or a secret likes to
// repeat it.
func maskHook(err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	mask := secret.NewMask(secrets...)
	inner := fault.From(err)
	e := *inner
	e.Public, e.Ref = mask.Hide(e.Public), mask.Hide(e.Ref)
	if err.Error() != inner.Error() {
		e.Err = err // what was wrapped around it is for the log
	}
	if e.Err != nil && mask.Hide(e.Err.Error()) != e.Err.Error() {
		e.Err = &maskedError{text: mask.Hide(e.Err.Error()), kind: e.Kind}
	}
	return &e
}

// RemoveHook has the tracker send webhooks no more; see HookRegistrar. supported
// is false where the plugin registers none. What the tracker knows of hide stands in
// no error.
func (t *Target) RemoveHook(ctx context.Context, id, prefix string, hide ...secret.String) (supported bool, err error) {
	driver, ok := Ability[HookRegistrar](t.driver)
	if !ok {
		return false, nil
	}
	secrets := make([]string, len(hide))
	for i, s := range hide {
		secrets[i] = s.Reveal()
	}
	return true, t.run(ctx, OpRemoveHook, func(ctx context.Context) error {
		return maskHook(driver.RemoveHook(ctx, id, prefix), secrets...)
	})
}

// ReadsHooks reports whether the tracker's webhooks can be read with the
// integration's settings.
func (t *Target) ReadsHooks() bool {
	_, ok := Ability[HookReader](t.driver)
	return ok
}

// RegistersHooks reports whether the plugin can have the tracker send webhooks.
func (t *Target) RegistersHooks() bool {
	_, ok := Ability[HookRegistrar](t.driver)
	return ok
}

// Handshake returns the secret that a request brings, and the headers that the answer
// must have. ok is false where it is no handshake, or the tracker has none.
func (t *Target) Handshake(h Hook) (signing secret.String, answer http.Header, ok bool) {
	driver, is := Ability[HookHandshaker](t.driver)
	if !is || len(h.Body) > MaxHook {
		return secret.String{}, nil, false
	}
	return driver.Handshake(h)
}

// ChoosesHookSecret reports whether the tracker chooses the secret (HookHandshaker).
func (t *Target) ChoosesHookSecret() bool {
	_, ok := Ability[HookHandshaker](t.driver)
	return ok
}
