package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/redisdb/redisurl"
	"pushbutton/internal/secret"
)

const (
	// maxPublicURL leaves room for the action path within Productboard's
	// limit of 1024 characters for an action's address.
	maxPublicURL = 900
	// maxShown bounds how much of a wrong value an error repeats, in bytes.
	maxShown = 60
	maxPort  = 65535
)

// quote quotes a wrong value that is no secret, cut to size.
func quote(v string) string {
	if len(v) > maxShown {
		v = strings.ToValidUTF8(v[:maxShown], "") + "…"
	}
	return strconv.Quote(v)
}

func listenAddress(v string) (string, error) {
	_, port, err := net.SplitHostPort(v)
	if err != nil {
		return "", fmt.Errorf("%s is not host:port (for example :8080 or 127.0.0.1:8080)", quote(v))
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > maxPort {
		return "", fmt.Errorf("%s has no port between 0 and %d", quote(v), maxPort)
	}
	return v, nil
}

// baseURL wants an http or https address without query, fragment or user.
// What is wrong is never repeated: it may hold a password.
func baseURL(v string) (string, error) {
	u, err := url.Parse(v)
	switch {
	case err != nil:
		return "", errors.New("is not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("must start with https:// (or http:// for a simulator)")
	case u.Hostname() == "":
		return "", errors.New("names no host")
	case u.User != nil:
		return "", errors.New("must not hold a user name or password")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(v, "#"):
		return "", errors.New("must not have a query (?) or fragment (#)")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func publicURL(v string) (string, error) {
	base, err := baseURL(v)
	switch {
	case err != nil:
		return "", err
	case !strings.HasPrefix(base, "https://"):
		return "", errors.New("must start with https://: Productboard calls nothing else")
	case len(base) > maxPublicURL:
		return "", fmt.Errorf("is longer than %d characters", maxPublicURL)
	}
	return base, nil
}

func redisURL(v string) error {
	_, err := redisurl.Parse(v)
	return err
}

// encryptionKeys checks the keys; ParseKeys names each wrong one on a line of
// its own.
func encryptionKeys(v string) error {
	if _, err := secret.ParseKeys(v); err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}

// prefixes reads CIDRs and single addresses, comma-separated.
func prefixes(v string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	var errs []error
	for part := range strings.SplitSeq(v, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		p, err := prefixOf(part)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, p)
	}
	return out, joinInline(errs)
}

func prefixOf(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%s is neither an address nor a range such as 10.20.0.0/16", quote(s))
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%s is not the start of a range: did you mean %s?", quote(s), p.Masked())
	}
	return p, nil
}

// joinInline joins errors into one line.
func joinInline(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}

func folder(v string) (string, error) {
	if strings.ContainsRune(v, 0) {
		return "", errors.New("is not a path")
	}
	return v, nil
}

func yesNo(v string) (bool, error) {
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, fmt.Errorf("%s is neither true nor false", quote(v))
	}
	return b, nil
}

func number(v string, least, most int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s is not a whole number from %d to %d", quote(v), least, most)
	}
	return n, nil
}

// size reads a number of bytes as GOMEMLIMIT has it: 128MiB.
func size(v string, least, most int64) (int64, error) {
	for shift, unit := range []string{"", "KiB", "MiB", "GiB"} {
		digits, ok := strings.CutSuffix(v, unit)
		if !ok || digits == "" || strings.Trim(digits, "0123456789") != "" {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n > most>>(10*shift) || n<<(10*shift) < least {
			return 0, fmt.Errorf("%s is not between %dMiB and %dGiB", quote(v), least>>20, most>>30)
		}
		return n << (10 * shift), nil
	}
	return 0, fmt.Errorf("%s is not a size (for example 128MiB, 1GiB)", quote(v))
}

func duration(v string, least, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err != nil {
		return 0, fmt.Errorf("%s is not a duration (for example 30s, 10m, 1h30m)", quote(v))
	}
	if d < least || d > most {
		return 0, fmt.Errorf("%s is not between %s and %s", quote(v), least, most)
	}
	return d, nil
}

func oneOf[T any](v string, values map[string]T) (T, error) {
	t, ok := values[strings.ToLower(v)]
	if !ok {
		return t, fmt.Errorf("%s is not one of %s", quote(v), strings.Join(slices.Sorted(maps.Keys(values)), ", "))
	}
	return t, nil
}
