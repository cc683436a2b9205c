package gitlab

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

const (
	opHook = "read webhook"
	// signingPrefix begins GitLab's signing tokens, as the Standard Webhooks
	// specification has it; anything else is a secret token.
	signingPrefix = "whsec_"
	// maxSkew is how old or early a signed webhook may be (Standard Webhooks).
	maxSkew = 5 * time.Minute
	// maxSignatures bounds those of one webhook, which may be signed with an
	// old and a new key.
	maxSignatures = 10
)

type hookBody struct {
	Kind       string `json:"object_kind"`
	Attributes struct {
		IID int `json:"iid"`
	} `json:"object_attributes"`
}

// ReadHook implements targets.HookReader. GitLab tells of issues in
// "issue" and, for tasks, in "work_item"; it does not tell of deletions.
func (*driver) ReadHook(signing secret.String, h targets.Hook) ([]targets.HookEvent, error) {
	delivery, err := verify(signing.Reveal(), h)
	if err != nil {
		return nil, &fault.Error{Op: opHook, Kind: fault.Unauthorized, Err: err,
			Public: "GitLab's webhook is not signed with the integration's signing token or secret token."}
	}
	var body hookBody
	err = json.Unmarshal(h.Body, &body)
	if err == nil && body.Kind == "" {
		err = fmt.Errorf("the body names no kind")
	}
	issues := body.Kind == "issue" || body.Kind == "work_item"
	if err == nil && issues && body.Attributes.IID <= 0 {
		err = fmt.Errorf("the body names no issue")
	}
	if err != nil {
		return nil, &fault.Error{Op: opHook, Kind: fault.Invalid, Err: err, Public: "GitLab's webhook is not one that GitLab sends."}
	}
	if !issues {
		return nil, nil
	}
	return []targets.HookEvent{{Delivery: delivery, ID: strconv.Itoa(body.Attributes.IID)}}, nil
}

// verify checks that GitLab sent a webhook, and returns the delivery's id.
func verify(signing string, h targets.Hook) (delivery string, err error) {
	if signing == "" {
		return "", fmt.Errorf("no secret is configured")
	}
	if strings.HasPrefix(signing, signingPrefix) {
		return h.Header.Get("Webhook-Id"), verifySignature(signing, h)
	}
	// Hashed, both have one length: the time tells nothing of it either.
	received, want := sha256.Sum256([]byte(h.Header.Get("X-Gitlab-Token"))), sha256.Sum256([]byte(signing))
	if subtle.ConstantTimeCompare(received[:], want[:]) != 1 {
		return "", fmt.Errorf("another X-Gitlab-Token")
	}
	for _, header := range []string{"Webhook-Id", "Idempotency-Key", "X-Gitlab-Event-Uuid"} {
		if id := h.Header.Get(header); id != "" {
			return id, nil
		}
	}
	return "", nil
}

// verifySignature checks webhook-signature: "v1," and the base64 of the
// HMAC-SHA256 of "{id}.{timestamp}.{body}", several apart by spaces.
func verifySignature(signing string, h targets.Hook) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signing, signingPrefix))
	if err != nil || len(key) == 0 {
		return fmt.Errorf("the signing token is not base64")
	}
	id, stamp := h.Header.Get("Webhook-Id"), h.Header.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || err != nil {
		return fmt.Errorf("no webhook-id or webhook-timestamp")
	}
	if age := h.Now.Sub(time.Unix(seconds, 0)); age.Abs() > maxSkew {
		return fmt.Errorf("sent %s ago", age.Round(time.Second))
	}
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.", id, stamp)
	mac.Write(h.Body)
	want := mac.Sum(nil)
	received := strings.Fields(h.Header.Get("Webhook-Signature"))
	for _, s := range received[:min(len(received), maxSignatures)] {
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "v1,"))
		if strings.HasPrefix(s, "v1,") && err == nil && hmac.Equal(sum, want) {
			return nil
		}
	}
	return fmt.Errorf("no signature fits")
}
