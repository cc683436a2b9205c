// Package secret keeps credentials from being seen: String never prints
// itself, and Keyring seals what is stored.
//
// What must not live here: where secrets are stored, or who may read them.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
)

const masked = "[secret]"

// String is a text that must not appear in a log, an error or a reply. Only
// Reveal returns it.
//
// It holds a pointer, since fmt prints an unexported field without calling its
// methods. Two of them cannot be compared by ==, which would compare pointers:
// see Equal.
type String struct {
	_ [0]func()
	v *string // nil: empty
}

// New wraps a secret.
func New(v string) String {
	if v == "" {
		return String{}
	}
	return String{v: &v}
}

// Reveal returns the secret itself. Call it only where the secret is sent.
func (s String) Reveal() string {
	if s.v == nil {
		return ""
	}
	return *s.v
}

// Empty reports whether there is no secret at all.
func (s String) Empty() bool { return s.v == nil }

// Equal compares in constant time.
func (s String) Equal(other string) bool {
	a, b := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(other))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// Fingerprint names the secret without disclosing it: the first 8 bytes of its
// SHA-256 in hex. Use it as a key for rate limits and caches.
func (s String) Fingerprint() string {
	sum := sha256.Sum256([]byte(s.Reveal()))
	return hex.EncodeToString(sum[:8])
}

// String hides the secret.
func (s String) String() string { return masked }

// Format hides the secret from every verb: fmt calls String for some only.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, masked) }

// GoString hides the secret from %#v.
func (s String) GoString() string { return masked }

// LogValue hides the secret from slog.
func (s String) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalJSON hides the secret from encoders; sealed storage goes through
// Keyring instead.
func (s String) MarshalJSON() ([]byte, error) { return []byte(`"` + masked + `"`), nil }

// MarshalText hides the secret from text encoders (YAML among them).
func (s String) MarshalText() ([]byte, error) { return []byte(masked), nil }
