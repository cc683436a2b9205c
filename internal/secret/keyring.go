package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// KeySize is the length of a sealing key in bytes (AES-256).
const KeySize = 32

// ErrUnknownKey is returned by Open for a text sealed with a key that the
// keyring does not hold.
var ErrUnknownKey = errors.New("sealed with a key that is not configured")

// Keyring seals texts with AES-256-GCM and a fresh nonce. The first key
// seals, all of them open, so that keys can be rotated. A sealed text starts
// with the id of its key: "id:base64(nonce || ciphertext)".
type Keyring struct {
	first string
	aeads map[string]cipher.AEAD
	// opens, if set, gets the key id of every text that Open gets.
	opens func(keyID string)
}

// Key is one sealing key with the id that sealed texts name it by.
type Key struct {
	ID    string
	Bytes []byte
}

// ParseKeys reads "id:base64,id:base64,...". Every wrong entry is named by
// its position, never by its content.
func ParseKeys(s string) ([]Key, error) {
	var keys []Key
	var errs []error
	seen := map[string]bool{}
	for i, part := range strings.Split(s, ",") {
		id, b64, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok || id == "" {
			errs = append(errs, fmt.Errorf("key %d: want id:base64", i+1))
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(b64)
		if err != nil || len(raw) != KeySize {
			errs = append(errs, fmt.Errorf("key %d: want %d bytes in base64 (make one with: openssl rand -base64 %d)", i+1, KeySize, KeySize))
			continue
		}
		if seen[id] {
			errs = append(errs, fmt.Errorf("key %d: its id is used twice", i+1))
			continue
		}
		seen[id] = true
		keys = append(keys, Key{ID: id, Bytes: raw})
	}
	return keys, errors.Join(errs...)
}

// NewKeyring returns a keyring. The first key seals.
func NewKeyring(keys []Key) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("at least one encryption key is needed")
	}
	k := &Keyring{first: keys[0].ID, aeads: make(map[string]cipher.AEAD, len(keys))}
	for _, key := range keys {
		block, err := aes.NewCipher(key.Bytes)
		if err != nil {
			return nil, fmt.Errorf("encryption key %q: %w", key.ID, err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fmt.Errorf("encryption key %q: %w", key.ID, err)
		}
		k.aeads[key.ID] = aead
	}
	return k, nil
}

// First is the id of the key that seals.
func (k *Keyring) First() string { return k.first }

// Has reports whether there is a key with this id.
func (k *Keyring) Has(id string) bool { _, ok := k.aeads[id]; return ok }

// WithObserver returns the same keyring, which calls opens with the key id of
// every text that it is to open, whether it can or not.
func (k *Keyring) WithObserver(opens func(keyID string)) *Keyring {
	return &Keyring{first: k.first, aeads: k.aeads, opens: opens}
}

// Seal encrypts a secret for one place: the same bound text ("tenant/field")
// must be passed to Open, so that a sealed text copied to another tenant or
// field does not open there.
func (k *Keyring) Seal(s String, bound string) (string, error) {
	aead := k.aeads[k.first]
	nonce := make([]byte, aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", fmt.Errorf("nonce: %w", err)
	}
	return k.first + ":" + base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(s.Reveal()), []byte(bound))), nil
}

// Open decrypts a text of Seal. It returns ErrUnknownKey (wrapped) if the key is
// gone. Any other error means that the text was changed or belongs elsewhere.
func (k *Keyring) Open(sealed, bound string) (String, error) {
	id, b64, ok := strings.Cut(sealed, ":")
	if !ok {
		return String{}, errors.New("not a sealed text")
	}
	if k.opens != nil {
		k.opens(id)
	}
	aead, ok := k.aeads[id]
	if !ok {
		return String{}, fmt.Errorf("key %q: %w", id, ErrUnknownKey)
	}
	raw, err := base64.StdEncoding.DecodeString(b64)
	if err != nil || len(raw) < aead.NonceSize() || base64.StdEncoding.EncodeToString(raw) != b64 {
		return String{}, errors.New("not a sealed text") // in the one form that Seal writes
	}
	plain, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], []byte(bound))
	if err != nil {
		return String{}, errors.New("the sealed text was changed or belongs elsewhere")
	}
	return New(string(plain)), nil
}
