// Package tenants keeps the workspaces that use the plugin and their
// integrations: what was configured, with its credentials sealed.
//
// What must not live here: the state of a button (see connections), a
// tracker's settings beyond opaque data, HTTP.
package tenants

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
)

// Limits of what is kept.
const (
	// MaxTenantID is the longest tenant id; it is made of [a-z0-9-].
	MaxTenantID = 63
	// MaxIntegrations bounds a tenant's integrations.
	MaxIntegrations = 1000
	// MaxRecord bounds one stored integration, in bytes of JSON.
	MaxRecord = 256 << 10
	// MaxPage bounds a page of a list.
	MaxPage = 200
)

// OnUnlink says what happens to the issue when its button is unlinked.
type OnUnlink string

// The policies of OnUnlink.
const (
	UnlinkLeave   OnUnlink = "leave"
	UnlinkComment OnUnlink = "comment"
	UnlinkClose   OnUnlink = "close"
)

// AnswerShape is how an action's answer wraps the connection state.
type AnswerShape string

// The shapes: v2 has "fields" around the connection, v1 has not.
const (
	AnswerV2 AnswerShape = "v2"
	AnswerV1 AnswerShape = "v1"
)

// RefreshSettings say how an integration's buttons are kept like their issues. The
// zero value is the default: they are, and a deleted issue is shown as deleted.
type RefreshSettings struct {
	// Off leaves each button as the push set it.
	Off bool `json:"off,omitempty"`
	// ResetDeleted has a button show initial again once its issue was deleted.
	ResetDeleted bool `json:"resetDeleted,omitempty"`
}

// The values of onDeleted, as people write them.
const (
	DeletedShow  = "show"
	DeletedReset = "reset"
)

// OnDeleted returns DeletedShow or DeletedReset.
func (r RefreshSettings) OnDeleted() string {
	if r.ResetDeleted {
		return DeletedReset
	}
	return DeletedShow
}

// Integration is one column with a push button, and where it pushes to. The
// secrets are open here and sealed in the store.
type Integration struct {
	// ID is ours: 26 characters of base32 from 128 random bits. It is the
	// last segment of the action path.
	ID     string
	Tenant string
	// Name is the column's name, unique within the tenant, 1-255 characters.
	Name string
	// Type is Productboard's type of the integration, a reversed domain name.
	// It cannot be changed once the integration was created.
	Type string
	// ProductboardID is the id Productboard gave, empty until its create call
	// has returned: the probe arrives before that.
	ProductboardID string
	// CreateBegun is when a create call was last about to be sent. While
	// ProductboardID is empty it means that Productboard may have the
	// integration all the same.
	CreateBegun time.Time
	// ButtonLabel is the button's text before a push, 1-10 characters.
	ButtonLabel string
	// ActionAuth is the Authorization value that Productboard must send.
	ActionAuth secret.String
	// Former is the value before it, accepted as well while Productboard
	// learns the new one.
	Former FormerAuth
	// Productboard is the credential for Productboard's API.
	Productboard ProductboardAuth
	// Reconnect is set while one of the two credentials does not work.
	Reconnect *Reconnect
	// Expires holds when a credential ends, as far as it is known. It belongs
	// to the credential, as Reconnect does: another one has none yet. Change it
	// by SetExpiry alone.
	Expires  map[fault.Side]Expiry
	Answer   AnswerShape
	OnUnlink OnUnlink
	Refresh  RefreshSettings
	// Hooks says who sets the webhook up; see HookMode. Hook is the webhook itself,
	// nil until there is one.
	Hooks    HookMode
	Hook     *Hook
	Target   TargetConfig
	Disabled bool
	// Deleting is when its deletion began: what is left of it is only there to
	// be deleted. Zero: it is not being deleted.
	Deleting  time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
	// SecretsSet holds when each secret was last set, by the name that it has
	// in the admin API ("target.credentials.apiKey").
	SecretsSet map[string]time.Time
	// Registered is a digest of what was last sent to Productboard, so that a
	// second apply knows that nothing changed.
	Registered string
	// Version rises with every change; an update must name the version it
	// started from. The store sets it.
	Version int64
}

// FormerAuth is an Authorization value that was replaced.
type FormerAuth struct {
	Value secret.String
	// Until is when it stops being accepted; zero means that it is not known
	// yet that Productboard has the new one.
	Until time.Time
}

// Rotating reports whether Productboard may still have the former value.
func (f FormerAuth) Rotating() bool { return !f.Value.Empty() && f.Until.IsZero() }

// accepts compares in constant time.
func (f FormerAuth) accepts(authorization string, now time.Time) bool {
	equal := f.Value.Equal(authorization) // also where there is none
	return equal && !f.Value.Empty() && (f.Until.IsZero() || now.Before(f.Until))
}

// TargetConfig names a tracker and how to reach it.
type TargetConfig struct {
	Type string
	// Settings holds what JSON can: text, float64, bool, nil, []any,
	// map[string]any.
	Settings    map[string]any
	Credentials map[string]secret.String
}

const (
	// idAlphabet is that of lower-case base32: it survives in any URL.
	idAlphabet = "abcdefghijklmnopqrstuvwxyz234567"
	idBytes    = 16
	idLength   = (idBytes*8 + 4) / 5
	authBytes  = 32
)

// NewID makes an unguessable integration id: 128 random bits.
func NewID() string {
	raw := make([]byte, idBytes)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	return base32.NewEncoding(idAlphabet).WithPadding(base32.NoPadding).EncodeToString(raw)
}

// NewActionAuth makes an Authorization value: "Bearer " and 256 random bits.
func NewActionAuth() secret.String {
	raw := make([]byte, authBytes)
	_, _ = rand.Read(raw)
	return secret.New("Bearer " + base64.RawURLEncoding.EncodeToString(raw))
}

// ValidIntegrationID reports whether a text can be an id that NewID made, so that anything
// else costs no round trip.
func ValidIntegrationID(id string) bool {
	return len(id) == idLength && onlyOf(id, idAlphabet)
}

func onlyOf(s, chars string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(chars, r) })
}
