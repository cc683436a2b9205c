package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"pushbutton/internal/secret"
)

const (
	// minAdminKey is the least length of an HS256 key, in bytes (RFC 7518, 3.2).
	minAdminKey = 32
	maxClaim    = 255
	maxKeyFiles = 20
)

// AdminKey returns the bytes of the admin API's HS256 key; empty if there is
// none.
func (c Config) AdminKey() (secret.String, error) {
	if c.AdminJWTKey.Empty() {
		return secret.String{}, nil
	}
	return adminKey(c.AdminJWTKey.Reveal())
}

// AdminOn reports whether the admin API is to be served.
func (c Config) AdminOn() bool {
	return !c.AdminJWTKey.Empty() || len(c.AdminJWTPublicKeys) > 0 || c.AdminJWKSURL != ""
}

func adminKey(v string) (secret.String, error) {
	raw, err := base64.StdEncoding.DecodeString(v)
	switch {
	case err != nil:
		return secret.String{}, errors.New("is not base64 (make one with: openssl rand -base64 32)")
	case len(raw) < minAdminKey:
		return secret.String{}, fmt.Errorf("has %d bytes, at least %d are needed (make one with: openssl rand -base64 32)", len(raw), minAdminKey)
	}
	return secret.New(string(raw)), nil
}

// adminErrors returns what is wrong between the admin API's settings: keys of
// somebody else sign tokens for others too. So the settings must say whose the
// tokens have to be, and for whom.
func (c Config) adminErrors() []error {
	var errs []error
	if len(c.AdminJWTPublicKeys) == 0 && c.AdminJWKSURL == "" {
		return nil
	}
	for _, need := range []struct{ env, value string }{{adminIssuer, c.AdminJWTIssuer}, {adminAudience, c.AdminJWTAudience}} {
		if need.value == "" {
			flag := Setting{Env: need.env}.Flag()
			errs = append(errs, fmt.Errorf("%s (--%s): is required with %s or %s", need.env, flag, adminKeys, adminJWKS))
		}
	}
	return errs
}

func claim(v string) (string, error) {
	if len(v) > maxClaim {
		return "", fmt.Errorf("is longer than %d bytes", maxClaim)
	}
	return v, nil
}

func files(v string) ([]string, error) {
	var out []string
	for part := range strings.SplitSeq(v, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		path, err := folder(part)
		if err != nil {
			return nil, err
		}
		out = append(out, path)
	}
	if len(out) > maxKeyFiles {
		return nil, fmt.Errorf("names more than %d files", maxKeyFiles)
	}
	return out, nil
}

// jwksURL wants https: whoever can change the keys on their way can sign for
// anybody. This machine itself may speak http.
func jwksURL(v string) (string, error) {
	base, err := baseURL(v)
	if err != nil || strings.HasPrefix(base, "https://") {
		return base, err
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", errors.New("is not a URL")
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && addr.IsLoopback() {
		return base, nil
	}
	return "", errors.New("must start with https:// (http:// only to this machine, such as http://127.0.0.1)")
}
