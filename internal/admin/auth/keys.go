package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"

	"pushbutton/internal/secret"
)

const (
	// MinSharedKey is the least length of an HS256 key, in bytes (RFC 7518, 3.2).
	MinSharedKey = 32
	// minRSA is the least size of an RSA key, in bits (RFC 7518, 3.3).
	minRSA   = 2048
	maxKeyID = 256
)

// SharedKey is one HS256 key, for whoever mints tokens for themselves.
type SharedKey struct{ key secret.String }

// NewSharedKey takes a key of at least MinSharedKey bytes.
func NewSharedKey(key secret.String) (SharedKey, error) {
	if n := len(key.Reveal()); n < MinSharedKey {
		return SharedKey{}, fmt.Errorf("has %d bytes, at least %d are needed", n, MinSharedKey)
	}
	return SharedKey{key}, nil
}

// Find implements Keys.
func (k SharedKey) Find(_ context.Context, _, alg string) ([]any, error) {
	if alg != jwt.SigningMethodHS256.Alg() {
		return nil, nil
	}
	return []any{[]byte(k.key.Reveal())}, nil
}

// PublicKeys are static keys of somebody who signs.
type PublicKeys []publicKey

type publicKey struct {
	alg string
	key any
}

// ParsePublicKeys reads PEM: public keys (PKIX) or certificates, one or more.
func ParsePublicKeys(raw []byte) (PublicKeys, error) {
	var out PublicKeys
	for len(raw) > 0 {
		var block *pem.Block
		if block, raw = pem.Decode(raw); block == nil {
			break
		}
		var key any
		var err error
		switch block.Type {
		case "PUBLIC KEY":
			key, err = x509.ParsePKIXPublicKey(block.Bytes)
		case "CERTIFICATE":
			var cert *x509.Certificate
			if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
				key = cert.PublicKey
			}
		default:
			return nil, fmt.Errorf("holds a %q, not a PUBLIC KEY or CERTIFICATE", block.Type)
		}
		if err != nil {
			return nil, err
		}
		alg, err := algorithmOf(key)
		if err != nil {
			return nil, err
		}
		out = append(out, publicKey{alg, key})
	}
	if len(out) == 0 {
		return nil, errors.New("holds no public key in PEM")
	}
	return out, nil
}

// algorithmOf is the one algorithm that a key is for.
func algorithmOf(key any) (string, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA {
			return "", fmt.Errorf("an RSA key has %d bits, at least %d are needed", k.N.BitLen(), minRSA)
		}
		return jwt.SigningMethodRS256.Alg(), nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return "", errors.New("an elliptic key must be of the curve P-256")
		}
		return jwt.SigningMethodES256.Alg(), nil
	case ed25519.PublicKey:
		return jwt.SigningMethodEdDSA.Alg(), nil
	default:
		return "", fmt.Errorf("a key of the type %T cannot be used", key)
	}
}

// Find implements Keys.
func (p PublicKeys) Find(_ context.Context, _, alg string) ([]any, error) {
	var out []any
	for _, k := range p {
		if k.alg == alg {
			out = append(out, k.key)
		}
	}
	return out, nil
}
