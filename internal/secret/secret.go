// Package secret keeps credentials from being seen: String never prints
// itself, and Keyring seals what is stored.
//
// What must not live here: where secrets are stored, or who may read them.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"log/slog"
)

const masked = "[secret]"

// String is a text that must not appear in a log, an error or a reply. Only
// Reveal gives it out.
type String struct{ v string }

// New wraps a secret.
func New(v string) String { return String{v: v} }

// Reveal gives the secret itself. Call it where it is sent, nowhere else.
func (s String) Reveal() string { return s.v }

// Empty tells whether there is no secret at all.
func (s String) Empty() bool { return s.v == "" }

// Equal compares in constant time.
func (s String) Equal(other string) bool {
	a, b := sha256.Sum256([]byte(s.v)), sha256.Sum256([]byte(other))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// Fingerprint names the secret without telling it: the first 8 bytes of its
// SHA-256 in hex. Use it as a key for pacing and caches.
func (s String) Fingerprint() string {
	sum := sha256.Sum256([]byte(s.v))
	return hex.EncodeToString(sum[:8])
}

// String hides the secret.
func (s String) String() string { return masked }

// GoString hides the secret from %#v.
func (s String) GoString() string { return masked }

// LogValue hides the secret from slog.
func (s String) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalJSON hides the secret from encoders; sealed storage goes through
// Keyring instead.
func (s String) MarshalJSON() ([]byte, error) { return []byte(`"` + masked + `"`), nil }

// MarshalText hides the secret from text encoders (YAML among them).
func (s String) MarshalText() ([]byte, error) { return []byte(masked), nil }
