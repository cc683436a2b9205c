package httptarget

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"golang.org/x/net/http/httpguts"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

const (
	// maxHookPrefix and maxDelivery bound what stands in headers, in bytes.
	maxHookPrefix = 100
	maxDelivery   = 100
	// maxHookIssues bounds the issues that one webhook can name; more are dropped,
	// since a sweep reads them anyway.
	maxHookIssues = 100
)

// hookScheme is how a tracker's webhooks are signed and read.
type hookScheme struct {
	header, prefix string
	decode         func(string) ([]byte, error)
	id             *path
	delivery       string // a header; empty: none
}

// hookScheme reads how webhooks are signed; nil: the settings describe none.
func (c *compiler) hookScheme(v settings.Values) *hookScheme {
	if v == nil {
		return nil
	}
	const at = "settings." + setWebhook
	s := &hookScheme{header: v.String(hookSignature), prefix: v.String(hookPrefix), decode: hex.DecodeString,
		id: c.path(at+"."+hookID, v.String(hookID)), delivery: v.String(hookDelivery)}
	if v.String(hookEncoding) == encodingBase64 {
		s.decode = base64.StdEncoding.DecodeString
	}
	if !httpguts.ValidHeaderFieldName(s.header) {
		c.fail(at+"."+hookSignature, "is not the name of a header")
	}
	if s.delivery != "" && !httpguts.ValidHeaderFieldName(s.delivery) {
		c.fail(at+"."+hookDelivery, "is not the name of a header")
	}
	if len(s.prefix) > maxHookPrefix || !httpguts.ValidHeaderFieldValue(s.prefix) {
		c.fail(at+"."+hookPrefix, "must be at most %d bytes that can stand in a header", maxHookPrefix)
	}
	return s
}

// ReadHook implements targets.HookReader.
func (p hookReader) ReadHook(signing secret.String, h targets.Hook) ([]targets.HookEvent, error) {
	const op = "read webhook"
	if p.driver == nil {
		return nil, fault.New(fault.Unauthorized, op, "How webhooks are signed stands in an integration's settings.")
	}
	if !p.hook.signed(signing, h) {
		return nil, fault.New(fault.Unauthorized, op, "The webhook's signature is not the one that settings.webhook describes.")
	}
	doc, err := decode(h.Body)
	if err != nil {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Err: errors.New("the body is not one JSON value"), Public: "The webhook's body is not JSON."}
	}
	delivery := ""
	if p.hook.delivery != "" {
		if delivery = h.Header.Get(p.hook.delivery); len(delivery) > maxDelivery {
			delivery = delivery[:maxDelivery]
		}
	}
	var out []targets.HookEvent
	seen := map[string]bool{}
	for _, n := range p.hook.id.nodes(doc) {
		id := scalar(n)
		if _, isBool := n.(bool); isBool || seen[id] || !p.mapping.known(id) {
			continue
		}
		if len(out) == maxHookIssues {
			break
		}
		seen[id] = true
		out = append(out, targets.HookEvent{Delivery: delivery, ID: id})
	}
	return out, nil
}

// signed reports whether a webhook has the signature that the scheme describes.
// Without a secret it is false.
func (s *hookScheme) signed(signing secret.String, h targets.Hook) bool {
	written, ok := strings.CutPrefix(strings.TrimSpace(h.Header.Get(s.header)), s.prefix)
	if !ok || signing.Empty() || len(written) > 2*hex.EncodedLen(sha256.Size) {
		return false
	}
	given, err := s.decode(written)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(signing.Reveal()))
	mac.Write(h.Body)
	return hmac.Equal(given, mac.Sum(nil))
}
