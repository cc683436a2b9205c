package targets

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/limits/jsonlimit"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/text"
)

// MaxHook bounds a webhook's body in bytes, and maxHookValues what stands in it,
// as jsonlimit counts it.
const (
	MaxHook       = 1 << 20
	maxHookValues = 20_000
)

// Hook is a webhook as it came in. The body is what was signed: its bytes must
// not have been changed.
type Hook struct {
	Header http.Header
	Body   []byte
	// URL is the address it was sent to, as the tracker knows it.
	URL string
	// Now is when it came in, for trackers that sign the time.
	Now time.Time
}

// Signed reports whether digest is the HMAC-SHA256 of the body in hex, which is
// how most trackers sign. Without a secret it is false.
func (h Hook) Signed(signing secret.String, digest string) bool {
	given, err := hex.DecodeString(digest)
	if err != nil || signing.Empty() {
		return false
	}
	mac := hmac.New(sha256.New, []byte(signing.Reveal()))
	mac.Write(h.Body)
	return hmac.Equal(given, mac.Sum(nil))
}

// Bounded is fault.Invalid for a body beyond MaxHook or maxHookValues. It is asked
// before anything reads the body.
func (h Hook) Bounded() error {
	if len(h.Body) > MaxHook {
		return &fault.Error{Op: opReadHook, Kind: fault.Invalid, Err: fmt.Errorf("the body has %d bytes", len(h.Body)),
			Public: fmt.Sprintf("The webhook's body is longer than %d bytes.", MaxHook)}
	}
	if _, err := (jsonlimit.Limits{Values: maxHookValues}).Scan(h.Body); err != nil {
		return &fault.Error{Op: opReadHook, Kind: fault.Invalid, Err: err, Public: "The webhook's body has " + err.Error() + "."}
	}
	return nil
}

// HookReader is the ability to read the webhooks that the tracker sends.
type HookReader interface {
	// ReadHook checks who sent a webhook, and returns what happened to which issues;
	// a test, a ping or an event of something else has none. Its error is
	// fault.Unauthorized for a wrong signature, and fault.Invalid for a body that is
	// not what the tracker sends. It sends nothing. It is called through
	// Target.ReadHook or Kind.ReadHook, which bound the body first. Where the tracker's
	// scheme needs no settings, a nil driver (Kind.Driver) reads as any other.
	ReadHook(signing secret.String, h Hook) ([]HookEvent, error)
}

// ReadHook reads a webhook as the integration's settings describe it; see
// Kind.ReadHook.
func (t *Target) ReadHook(signing secret.String, h Hook) ([]HookEvent, error) {
	events, err := readHook(t.driver, t.traits.Name, signing, h)
	if err != nil {
		return nil, t.fault(opReadHook, err)
	}
	return events, nil
}

// ReadHook reads a webhook of a tracker whose scheme needs no settings. A body
// beyond MaxHook or maxHookValues is fault.Invalid before anything reads it. A
// webhook of a tracker that sends none is fault.NotFound.
func (k Kind) ReadHook(signing secret.String, h Hook) ([]HookEvent, error) {
	events, err := readHook(k.Driver, k.Title, signing, h)
	if err != nil {
		ferr := *fault.From(err)
		ferr.Blame(fault.SideTracker, k.Title)
		return nil, &ferr
	}
	return events, nil
}

const opReadHook = "read webhook"

func readHook(d Driver, tracker string, signing secret.String, h Hook) ([]HookEvent, error) {
	driver, ok := Ability[HookReader](d)
	if !ok {
		return nil, &fault.Error{Op: opReadHook, Kind: fault.NotFound, Public: tracker + " sends no webhooks that can be read."}
	}
	if err := h.Bounded(); err != nil {
		return nil, err
	}
	events, err := driver.ReadHook(signing, h)
	if slices.ContainsFunc(events, func(e HookEvent) bool { return text.BadID(e.ID) != "" }) {
		return nil, &fault.Error{Op: opReadHook, Kind: fault.Invalid, Err: errors.New("an event names no issue"), Public: "The webhook names an issue that " + tracker + " cannot have."}
	}
	return events, err
}

// HookEvent says that something happened to an issue. It is a hint.
// No tracker promises order or completeness, so the plugin reads the issue again.
type HookEvent struct {
	// Delivery is the same for each try to deliver one event; empty if the
	// tracker does not say.
	Delivery string
	// ID is the issue's, as in Issue.ID.
	ID string
	// Gone is set if the tracker says that the issue was deleted or moved away.
	Gone bool
}
