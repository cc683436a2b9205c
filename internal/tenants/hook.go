package tenants

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"time"

	"pushbutton/internal/secret"
)

// HookMode says who sets an integration's webhook up at its tracker.
type HookMode string

// The modes. The empty one is HooksAuto.
const (
	// HooksAuto has the plugin register it where tracker and credential allow it.
	HooksAuto HookMode = "auto"
	// HooksManual leaves it to an admin.
	HooksManual HookMode = "manual"
	// HooksOff takes no webhooks: sweeps alone keep the buttons true.
	HooksOff HookMode = "off"
)

// HookModes lists the modes.
func HookModes() []HookMode { return []HookMode{HooksAuto, HooksManual, HooksOff} }

// HookMode returns the integration's mode, HooksAuto unless it says otherwise.
func (in Integration) HookMode() HookMode {
	if in.Hooks == "" {
		return HooksAuto
	}
	return in.Hooks
}

// Hook is an integration's webhook: what proves who sends it, and how the tracker
// has it. It is no setting. Change it by SetHook alone.
type Hook struct {
	// Token is the last segment of the address; whoever does not know it is not
	// listened to.
	Token secret.String
	// Secret is what the tracker signs with; empty: not known yet.
	Secret secret.String
	// Former was the secret before, and is taken until FormerUntil.
	Former      secret.String
	FormerUntil time.Time
	// ID is the tracker's name for it; empty: the plugin has registered none.
	ID string
	// Route is that of targets.HookRegistration.
	Route string
	// Of stands for the target and the address that it was registered with.
	Of string
	// Registered is when the tracker last confirmed it; zero: never.
	Registered time.Time
	// Ends is when the tracker stops sending unless it is renewed; zero: never.
	Ends time.Time
	// Handshake is until when the secret may come from the tracker itself.
	Handshake time.Time
	// Tried is when the plugin last tried to register it, and Problem why that
	// failed, for people; empty: it did not fail.
	Tried   time.Time
	Problem string
	// Failures is how often in a row it failed.
	Failures int
}

const hookSecretBytes = 32

// NewHookToken makes the last segment of a webhook's address: 128 random bits.
func NewHookToken() secret.String {
	raw := make([]byte, idBytes)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	return secret.New(base32.NewEncoding(idAlphabet).WithPadding(base32.NoPadding).EncodeToString(raw))
}

// NewHookSecret makes a secret for signing webhooks: 256 random bits, in 43
// characters that need no escaping anywhere.
func NewHookSecret() secret.String {
	raw := make([]byte, hookSecretBytes)
	_, _ = rand.Read(raw)
	return secret.New(base64.RawURLEncoding.EncodeToString(raw))
}

// SetHook changes an integration's webhook as it is stored now; change reports
// whether there is anything to change, and may be called several times. A webhook
// that has no token afterwards is forgotten. The result
// is the integration afterwards.
func (s *Store) SetHook(ctx context.Context, tenant, id string, change func(*Hook) bool) (Integration, error) {
	var last Integration
	changed, err := s.amend(ctx, tenant, id, func(in *Integration) bool {
		last = *in
		hook := Hook{}
		if in.Hook != nil {
			hook = *in.Hook // what is read may be shared
		}
		if !change(&hook) {
			return false
		}
		in.Hook = &hook
		if hook.Token.Empty() {
			in.Hook = nil // without an address there is no webhook
		}
		last = *in
		return true
	})
	if changed {
		last.Version++ // as Update does
	}
	return last, err
}

// sealedHook is a Hook as it stands in Redis.
type sealedHook struct {
	Token       string    `json:"token,omitempty"`
	Secret      string    `json:"secret,omitempty"`
	Former      string    `json:"former,omitempty"`
	FormerUntil time.Time `json:"formerUntil,omitzero"`
	ID          string    `json:"id,omitempty"`
	Route       string    `json:"route,omitempty"`
	Of          string    `json:"of,omitempty"`
	Registered  time.Time `json:"registered,omitzero"`
	Ends        time.Time `json:"ends,omitzero"`
	Handshake   time.Time `json:"handshake,omitzero"`
	Tried       time.Time `json:"tried,omitzero"`
	Problem     string    `json:"problem,omitempty"`
	Failures    int       `json:"failures,omitempty"`
}

func encodeHook(h *Hook, seal func(secret.String, string) string) *sealedHook {
	if h == nil {
		return nil
	}
	return &sealedHook{
		Token: seal(h.Token, boundHookToken), Secret: seal(h.Secret, boundHookSecret), Former: seal(h.Former, boundHookFormer), FormerUntil: h.FormerUntil,
		ID: h.ID, Route: h.Route, Of: h.Of, Registered: h.Registered, Ends: h.Ends, Handshake: h.Handshake, Tried: h.Tried, Problem: h.Problem, Failures: h.Failures,
	}
}

func decodeHook(h *sealedHook, open func(sealed, field string) secret.String) *Hook {
	if h == nil {
		return nil
	}
	return &Hook{
		Token: open(h.Token, boundHookToken), Secret: open(h.Secret, boundHookSecret), Former: open(h.Former, boundHookFormer), FormerUntil: h.FormerUntil,
		ID: h.ID, Route: h.Route, Of: h.Of, Registered: h.Registered, Ends: h.Ends, Handshake: h.Handshake, Tried: h.Tried, Problem: h.Problem, Failures: h.Failures,
	}
}
