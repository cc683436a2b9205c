package shortcut

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

const (
	hooksPath = "/integrations/webhook"
	// maxHookURL and maxHookSecret are the published schema's.
	maxHookURL    = 2048
	maxHookSecret = 128
	// keyDigest is how many bytes of a secret's digest a registration's id has.
	keyDigest = 8
)

// hook is a webhook, which Shortcut calls a generic integration.
type hook struct {
	ID        int64  `json:"id"`
	URL       string `json:"webhook_url"`
	Disabled  bool   `json:"disabled"`
	HasSecret bool   `json:"has_secret"`
}

type newHook struct {
	URL    string `json:"webhook_url"`
	Secret string `json:"secret"`
}

// RegisterHook implements targets.HookRegistrar. Shortcut's API makes a webhook,
// shows it by its number and deletes it. It neither changes nor lists them. So a
// webhook that is no longer as wanted is deleted, and another one made. One whose
// number was lost with Shortcut's answer cannot be found again; it sends every
// event twice, which costs nothing but the requests.
func (d *driver) RegisterHook(ctx context.Context, want targets.HookWanted) (targets.HookRegistration, error) {
	if signing := want.Secret.Reveal(); signing == "" || len(signing) > maxHookSecret || len(want.URL) > maxHookURL {
		return targets.HookRegistration{}, wire.Invalid(targets.OpRegisterHook, "Shortcut takes an address of at most %d characters and a secret of 1 to %d.", maxHookURL, maxHookSecret)
	}
	number, key := splitHookID(want.ID)
	found, err := d.ownHook(ctx, number, want.Prefix)
	switch {
	case err != nil:
		return targets.HookRegistration{}, err
	case found != nil && found.URL == want.URL && !found.Disabled && found.HasSecret && key == keyOf(want.Secret):
		return targets.HookRegistration{ID: want.ID}, nil
	case found != nil:
		if err := d.deleteHook(ctx, found.ID); err != nil {
			return targets.HookRegistration{}, err
		}
	}
	made, err := d.createHook(ctx, newHook{URL: want.URL, Secret: want.Secret.Reveal()})
	if err != nil {
		return targets.HookRegistration{}, err
	}
	return targets.HookRegistration{ID: strconv.FormatInt(made, 10) + hookIDSeparator + keyOf(want.Secret)}, nil
}

// RemoveHook implements targets.HookRegistrar.
func (d *driver) RemoveHook(ctx context.Context, id, prefix string) error {
	number, _ := splitHookID(id)
	found, err := d.ownHook(ctx, number, prefix)
	if err != nil || found == nil {
		return err
	}
	return d.deleteHook(ctx, found.ID)
}

// ownHook reads the webhook with a number; nil if there is none, or if it is
// somebody else's.
func (d *driver) ownHook(ctx context.Context, number int64, prefix string) (*hook, error) {
	if number == 0 {
		return nil, nil
	}
	var found hook
	switch err := d.get(ctx, "read webhook", hookPath(number), &found); {
	case isAbsent(err):
		return nil, nil
	case err != nil:
		return nil, err
	case found.ID != number:
		return nil, notShortcut("read webhook", errors.New("the answer is not the webhook"))
	case !(targets.ListedHook{ID: hookPath(number), URL: found.URL}).Of(hookPath(number), prefix):
		return nil, nil
	}
	return &found, nil
}

// createHook makes a webhook and returns its number. An answer without the number
// is an error that is not worth another try, which would make another webhook.
func (d *driver) createHook(ctx context.Context, wanted newHook) (int64, error) {
	const op = "create webhook"
	var made hook
	_, err := d.send(ctx, op, http.MethodPost, hooksPath, wanted, &made)
	if unreadable := (*outbound.UnreadableError)(nil); err == nil && made.ID <= 0 || errors.As(err, &unreadable) {
		return 0, &fault.Error{Op: op, Kind: fault.Invalid, Err: err,
			Public: "Shortcut took the webhook without saying its number, so the plugin cannot keep it. Delete it in Settings > Integrations > Webhooks, set hooks to manual, and add it there by hand."}
	}
	return made.ID, err
}

func (d *driver) deleteHook(ctx context.Context, number int64) error {
	err := d.change(ctx, "delete webhook", http.MethodDelete, hookPath(number), nil, nil)
	if isAbsent(err) {
		return nil
	}
	return err
}

func hookPath(number int64) string { return hooksPath + "/" + strconv.FormatInt(number, 10) }

// isAbsent reports whether Shortcut itself says that it does not have something.
func isAbsent(err error) bool {
	var apiErr *apiError
	return errors.As(err, &apiErr) && apiErr.status == http.StatusNotFound && apiErr.message == notFoundMessage
}

// hookIDSeparator stands in a registration's id between the webhook's number and
// the digest of its secret.
const hookIDSeparator = "."

// splitHookID reads a registration's id; the number is 0 where it is none.
func splitHookID(id string) (number int64, key string) {
	digits, key, _ := strings.Cut(id, hookIDSeparator)
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || number < 1 {
		return 0, ""
	}
	return number, key
}

// keyOf returns a digest of a secret. Shortcut shows of a webhook's secret only
// that there is one, so a registration's id keeps with which it was made. The
// secret is 256 random bits, of which a digest tells nothing.
func keyOf(signing secret.String) string {
	mac := hmac.New(sha256.New, []byte(signing.Reveal()))
	mac.Write([]byte("pushbutton webhook"))
	return hex.EncodeToString(mac.Sum(nil)[:keyDigest])
}
