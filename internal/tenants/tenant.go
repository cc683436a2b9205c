package tenants

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

// Limits of a tenant's own data.
const (
	// MaxTenantName bounds a tenant's name, in characters.
	MaxTenantName = 255
	// MaxReason bounds why a tenant is suspended, in characters.
	MaxReason = 500
	// MaxCA bounds a tenant's own certificate authorities, in bytes of PEM.
	MaxCA = 64 << 10
	// MaxLimit bounds each number of TenantLimits.
	MaxLimit = 100_000_000
)

// Tenant is one customer: a Productboard workspace and all that belongs to it.
type Tenant struct {
	ID string `json:"id"`
	// Name is what people call it; it may be empty.
	Name string `json:"name,omitempty"`
	// Suspended, if set, keeps its clicks from being taken and its queued
	// pushes from going on.
	Suspended *Suspension `json:"suspended,omitempty"`
	// Deleting is when its deletion began: then it is suspended, takes no new
	// integration, and there is no way back.
	Deleting time.Time `json:"deleting,omitzero"`
	// Importing names the exported file that it is being made from. Until it is
	// complete nothing is done for it, and no click of any kind is taken.
	Importing string       `json:"importing,omitempty"`
	Limits    TenantLimits `json:"limits,omitzero"`
	// CA holds certificate authorities in PEM that its trackers' certificates
	// may also be signed by.
	CA        string    `json:"ca,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	// Version rises with every change; an update must name the version it
	// started from. The store sets it.
	Version int64 `json:"version"`
}

// Halted reports whether nothing is done for the tenant at the moment.
func (t Tenant) Halted() bool {
	return t.Suspended != nil || !t.Deleting.IsZero() || t.Importing != ""
}

// Suspension says why and since when a tenant is suspended.
type Suspension struct {
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
}

// TenantLimits are what a tenant may use at most; 0 means the default.
type TenantLimits struct {
	// MaxInFlight is how many pushes are worked on at once.
	MaxInFlight int `json:"maxInFlight,omitempty"`
	// MaxQueued is how many pushes may wait; clicks beyond it are rejected.
	MaxQueued int `json:"maxQueued,omitempty"`
	// Connections is how many buttons may be remembered.
	Connections int `json:"connections,omitempty"`
	// PerSecond is how many pushes may begin in a second.
	PerSecond int `json:"perSecond,omitempty"`
	// Integrations is how many integrations there may be, at most
	// MaxIntegrations.
	Integrations int `json:"integrations,omitempty"`
}

// ErrStale is in the chain of a fault.Conflict that came of a Version that is
// not the stored one any more.
var ErrStale = errors.New("the version is not the stored one")

func stale(op, what string) error {
	return &fault.Error{Op: op, Kind: fault.Conflict, Public: what + " was changed by somebody else meanwhile.", Err: ErrStale}
}

// ValidTenantID reports whether a text can be a tenant's id.
func ValidTenantID(id string) bool {
	return id != "" && len(id) <= MaxTenantID && onlyOf(id, "abcdefghijklmnopqrstuvwxyz0123456789-")
}

// ParseCA reads certificate authorities in PEM, at most MaxCA bytes, every
// one of them an authority. Its error says what is wrong, for people.
func ParseCA(text string) ([]*x509.Certificate, error) {
	if len(text) > MaxCA {
		return nil, fmt.Errorf("is larger than %d bytes", MaxCA)
	}
	var out []*x509.Certificate
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds a %q; only certificates belong there", block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			return nil, fmt.Errorf("holds a certificate that cannot be read (number %d)", len(out)+1)
		case !cert.IsCA:
			return nil, fmt.Errorf("holds a certificate that is no authority (number %d)", len(out)+1)
		}
		out = append(out, cert)
	}
	if len(out) == 0 || strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("is not a list of certificates in PEM")
	}
	return out, nil
}

// Wrong is one value of a tenant that cannot be taken.
type Wrong struct{ Field, Message string }

// Check lists what is wrong with a tenant, by the names of its JSON.
func (t Tenant) Check() []Wrong {
	out := t.bounds()
	if !printable(t.Name) {
		out = append(out, Wrong{"name", "has a character that a line of text has not: a control character, one that turns the direction, or no UTF-8"})
	}
	return out
}

// bounds is what the store itself demands. It does not demand a printable name,
// so that a tenant with an older name can still be suspended.
func (t Tenant) bounds() []Wrong {
	var out []Wrong
	say := func(bad bool, field, message string) {
		if bad {
			out = append(out, Wrong{field, message})
		}
	}
	say(!ValidTenantID(t.ID), "id", fmt.Sprintf("has 1 to %d of the characters a-z, 0-9 and -", MaxTenantID))
	say(utf8.RuneCountInString(t.Name) > MaxTenantName, "name", fmt.Sprintf("has at most %d characters", MaxTenantName))
	if t.Suspended != nil {
		say(utf8.RuneCountInString(t.Suspended.Reason) > MaxReason, "reason", fmt.Sprintf("has at most %d characters", MaxReason))
	}
	if t.CA != "" {
		_, err := ParseCA(t.CA)
		say(err != nil, "ca", fmt.Sprint(err))
	}
	for _, n := range []struct {
		field       string
		value, most int
	}{{"maxInFlight", t.Limits.MaxInFlight, MaxLimit}, {"maxQueued", t.Limits.MaxQueued, MaxLimit}, {"connections", t.Limits.Connections, MaxLimit},
		{"perSecond", t.Limits.PerSecond, MaxLimit}, {"integrations", t.Limits.Integrations, MaxIntegrations}} {
		say(n.value < 0 || n.value > n.most, "limits."+n.field, fmt.Sprintf("is a number from 0 (the default) to %d", n.most))
	}
	return out
}

// printable reports whether a text can stand in a line of a log or a terminal as
// it is: no control characters, and none that turn the direction of others.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	})
}

func (t Tenant) check(op string) error {
	wrong := t.bounds()
	if len(wrong) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, op, fmt.Sprintf("A tenant's %s %s.", wrong[0].Field, wrong[0].Message))
}

// CreateTenant adds a tenant with nothing but its id, see AddTenant.
func (s *Store) CreateTenant(ctx context.Context, id string) (Tenant, error) {
	return s.AddTenant(ctx, Tenant{ID: id})
}

// AddTenant adds a tenant; fault.Conflict if there is one with its id,
// fault.Invalid if Check finds something. Version and the times are set here.
func (s *Store) AddTenant(ctx context.Context, t Tenant) (Tenant, error) {
	const op = "create tenant"
	if err := t.check(op); err != nil {
		return Tenant{}, err
	}
	t.CreatedAt = s.now().UTC()
	t.UpdatedAt, t.Version = t.CreatedAt, 1
	raw, err := json.Marshal(t)
	if err != nil {
		return Tenant{}, fault.Wrap(fault.Internal, op, err)
	}
	if err := s.rdb.ZAdd(ctx, tenantsKey, redis.Z{Member: t.ID}).Err(); err != nil {
		return Tenant{}, redisdb.Fault(op, err)
	}
	isNew, err := s.rdb.SetNX(ctx, tenantKey(t.ID), raw, 0).Result()
	s.changed(t.ID, "")
	switch {
	case err != nil:
		return Tenant{}, redisdb.Fault(op, err)
	case !isNew:
		return Tenant{}, fault.New(fault.Conflict, op, "The tenant exists already.")
	}
	// Once more: a deletion of an older tenant of this id may have taken the
	// entry away in between.
	if err := s.rdb.ZAdd(ctx, tenantsKey, redis.Z{Member: t.ID}).Err(); err != nil {
		return Tenant{}, redisdb.Fault(op, err)
	}
	return t, nil
}

// UpdateTenant replaces what is kept of the tenant. Its Version must be the
// stored one, or it is fault.Conflict with ErrStale; fault.Invalid if Check
// finds something. ID, CreatedAt, UpdatedAt and Version are the store's own.
func (h Scope) UpdateTenant(ctx context.Context, t Tenant) (Tenant, error) {
	const op = "update tenant"
	t.ID = h.tenant
	if err := t.check(op); err != nil {
		return Tenant{}, err
	}
	before := t.Version
	t.UpdatedAt, t.Version = h.store.now().UTC(), before+1
	raw, err := json.Marshal(t)
	if err != nil {
		return Tenant{}, fault.Wrap(fault.Internal, op, err)
	}
	if err := h.change(ctx, op, "tenant", Integration{Version: before}, raw); err != nil {
		return Tenant{}, err
	}
	return t, nil
}

// alterTries bounds how often Alter begins again after a lost race.
const alterTries = 5

// Alter changes the tenant whatever its version is: f is given what is
// stored, again if somebody else was quicker.
func (h Scope) Alter(ctx context.Context, f func(*Tenant)) (t Tenant, err error) {
	for range alterTries {
		if t, err = h.Get(ctx); err != nil {
			return Tenant{}, err
		}
		f(&t)
		if t, err = h.UpdateTenant(ctx, t); !errors.Is(err, ErrStale) {
			return t, err
		}
	}
	return Tenant{}, err
}
