package httptarget

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// signer signs requests as Standard Webhooks (standardwebhooks.com) says, for
// people who receive the push in their own code: HMAC-SHA256 of
// "id.timestamp.body", in base64, with the version v1.
type signer struct{ key []byte }

const signingPrefix = "whsec_"

// Standard Webhooks asks for 24 to 64 bytes.
const minKey, maxKey = 24, 64

func newSigner(secret string) (*signer, error) {
	rest, ok := strings.CutPrefix(secret, signingPrefix)
	key, err := base64.StdEncoding.DecodeString(rest)
	if !ok || err != nil || len(key) < minKey || len(key) > maxKey {
		return nil, errors.New(`must be "whsec_" and 24 to 64 random bytes in base64`)
	}
	return &signer{key: key}, nil
}

// sign adds the three headers. id is the same for each try to send one thing.
func (s *signer) sign(h http.Header, id string, at time.Time, body []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", stamp)
	h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
