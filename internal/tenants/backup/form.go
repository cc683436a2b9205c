package backup

import (
	"slices"
	"time"
	"unicode/utf8"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// line is one line of the inner form: one of its fields is there.
type line struct {
	Header      *header      `json:"header,omitempty"`
	Tenant      *tenant      `json:"tenant,omitempty"`
	Integration *integration `json:"integration,omitempty"`
	Connection  *connection  `json:"connection,omitempty"`
	Trailer     *trailer     `json:"trailer,omitempty"`
}

// header is the first line. Format and Version can be read in any version.
type header struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	// ID names this file and no other.
	ID       string    `json:"id"`
	Tenant   string    `json:"tenant"`
	Exported time.Time `json:"exported"`
}

// tenant is the second line. Its version and times are the deployment's own.
type tenant struct {
	Name      string               `json:"name,omitempty"`
	Suspended *tenants.Suspension  `json:"suspended,omitempty"`
	Limits    tenants.TenantLimits `json:"limits,omitzero"`
	CA        string               `json:"ca,omitempty"`
}

// integration is a tenants.Integration whose credentials are plain text. The
// names are its own, not those of the stored form.
type integration struct {
	ID             string       `json:"id"`
	Name           string       `json:"name"`
	Version        int64        `json:"version"`
	Type           string       `json:"type"`
	ProductboardID string       `json:"productboardId,omitempty"`
	CreateBegun    time.Time    `json:"createBegun,omitzero"`
	ButtonLabel    string       `json:"buttonLabel"`
	ActionAuth     string       `json:"actionAuth"`
	FormerAuth     string       `json:"formerAuth,omitempty"`
	FormerUntil    time.Time    `json:"formerUntil,omitzero"`
	Productboard   productboard `json:"productboard"`
	Reconnect      *reconnect   `json:"reconnect,omitempty"`
	// Expires is in which moment the credential of a side ends.
	Expires  map[fault.Side]time.Time `json:"expires,omitempty"`
	Answer   tenants.AnswerShape      `json:"answer"`
	OnUnlink tenants.OnUnlink         `json:"onUnlink"`
	Refresh  tenants.RefreshSettings  `json:"refresh,omitzero"`
	// Hooks is the mode alone. The webhook itself stays behind: its address is the
	// deployment's.
	Hooks      tenants.HookMode     `json:"hooks,omitempty"`
	Target     target               `json:"target"`
	Disabled   bool                 `json:"disabled,omitempty"`
	Deleting   time.Time            `json:"deleting,omitzero"`
	CreatedAt  time.Time            `json:"createdAt"`
	UpdatedAt  time.Time            `json:"updatedAt"`
	SecretsSet map[string]time.Time `json:"secretsSet,omitempty"`
	Registered string               `json:"registered,omitempty"`
}

type productboard struct {
	Kind         tenants.AuthKind `json:"kind"`
	Token        string           `json:"token,omitempty"`
	ClientID     string           `json:"clientId,omitempty"`
	ClientSecret string           `json:"clientSecret,omitempty"`
	Subject      string           `json:"subject,omitempty"`
	PrivateKey   string           `json:"privateKey,omitempty"`
	KeyID        string           `json:"keyId,omitempty"`
	Scope        string           `json:"scope,omitempty"`
}

type reconnect struct {
	Side   fault.Side `json:"side"`
	Reason string     `json:"reason"`
	Since  time.Time  `json:"since"`
}

type target struct {
	Type        string            `json:"type"`
	Settings    map[string]any    `json:"settings"`
	Credentials map[string]string `json:"credentials"`
}

// connection is one button; Changed is in Unix milliseconds.
type connection struct {
	Integration string             `json:"integration"`
	Entity      string             `json:"entity"`
	Changed     int64              `json:"changed,omitempty"`
	Record      connections.Record `json:"record"`
}

// trailer is the last line: what stands before it.
type trailer struct {
	Integrations int   `json:"integrations"`
	Connections  int64 `json:"connections"`
}

func wireTenant(t tenants.Tenant) *tenant {
	return &tenant{Name: t.Name, Suspended: t.Suspended, Limits: t.Limits, CA: t.CA}
}

func (t *tenant) of(id string) tenants.Tenant {
	return tenants.Tenant{ID: id, Name: t.Name, Suspended: t.Suspended, Limits: t.Limits, CA: t.CA}
}

func wireIntegration(in tenants.Integration) *integration {
	pb := in.Productboard
	out := &integration{
		ID: in.ID, Name: in.Name, Version: in.Version, Type: in.Type, ProductboardID: in.ProductboardID, CreateBegun: in.CreateBegun,
		ButtonLabel: in.ButtonLabel, ActionAuth: in.ActionAuth.Reveal(), FormerAuth: in.Former.Value.Reveal(), FormerUntil: in.Former.Until,
		Productboard: productboard{Kind: pb.Kind, Token: pb.Token.Reveal(), ClientID: pb.ClientID, ClientSecret: pb.ClientSecret.Reveal(),
			Subject: pb.Subject, PrivateKey: pb.PrivateKey.Reveal(), KeyID: pb.KeyID, Scope: pb.Scope},
		Answer: in.Answer, OnUnlink: in.OnUnlink, Refresh: in.Refresh, Hooks: in.Hooks,
		Target:   target{Type: in.Target.Type, Settings: in.Target.Settings, Credentials: make(map[string]string, len(in.Target.Credentials))},
		Disabled: in.Disabled, Deleting: in.Deleting, CreatedAt: in.CreatedAt, UpdatedAt: in.UpdatedAt, SecretsSet: in.SecretsSet, Registered: in.Registered,
	}
	if r := in.Reconnect; r != nil {
		out.Reconnect = &reconnect{Side: r.Side, Reason: r.Reason, Since: r.Since}
	}
	for side, e := range in.Expires {
		if out.Expires == nil {
			out.Expires = map[fault.Side]time.Time{}
		}
		out.Expires[side] = e.At
	}
	for name, value := range in.Target.Credentials {
		out.Target.Credentials[name] = value.Reveal()
	}
	return out
}

func (w *integration) of(tenant string) tenants.Integration {
	pb := w.Productboard
	in := tenants.Integration{
		ID: w.ID, Tenant: tenant, Name: w.Name, Version: w.Version, Type: w.Type, ProductboardID: w.ProductboardID, CreateBegun: w.CreateBegun,
		ButtonLabel: w.ButtonLabel, ActionAuth: secret.New(w.ActionAuth), Former: tenants.FormerAuth{Value: secret.New(w.FormerAuth), Until: w.FormerUntil},
		Productboard: tenants.ProductboardAuth{Kind: pb.Kind, Token: secret.New(pb.Token), ClientID: pb.ClientID, ClientSecret: secret.New(pb.ClientSecret),
			Subject: pb.Subject, PrivateKey: secret.New(pb.PrivateKey), KeyID: pb.KeyID, Scope: pb.Scope},
		Answer: w.Answer, OnUnlink: w.OnUnlink, Refresh: w.Refresh, Hooks: w.Hooks,
		Target:   tenants.TargetConfig{Type: w.Target.Type, Settings: w.Target.Settings, Credentials: make(map[string]secret.String, len(w.Target.Credentials))},
		Disabled: w.Disabled, Deleting: w.Deleting, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt, SecretsSet: w.SecretsSet, Registered: w.Registered,
	}
	if r := w.Reconnect; r != nil {
		in.Reconnect = &tenants.Reconnect{Side: r.Side, Reason: r.Reason, Since: r.Since}
	}
	for side, at := range w.Expires {
		in.SetExpiry(side, at)
	}
	for name, value := range w.Target.Credentials {
		in.Target.Credentials[name] = secret.New(value)
	}
	return in
}

const (
	// maxName bounds an integration's name, in characters, as Productboard does.
	maxName = 255
	// maxDepth bounds how deep settings are nested: Redis' scripts read them.
	maxDepth = 64
)

// wrong names the first field that no integration of this plugin has so, or
// is empty. Whether its credentials and settings work is not asked: they may
// have stopped working where they come from.
func (w *integration) wrong() string {
	known := func(name string, ok bool) string {
		if ok {
			return ""
		}
		return name
	}
	side := w.Reconnect == nil || w.Reconnect.Side == fault.SideProductboard || w.Reconnect.Side == fault.SideTracker
	for _, name := range []string{
		known("id", tenants.ValidIntegrationID(w.ID)),
		known("name", w.Name != "" && utf8.RuneCountInString(w.Name) <= maxName),
		known("version", w.Version > 0 && w.Version < connections.MaxNumber),
		known("actionAuth", w.ActionAuth != ""),
		known("productboard.kind", slices.Contains([]tenants.AuthKind{"", tenants.AuthToken, tenants.AuthOAuth, tenants.AuthJWT}, w.Productboard.Kind)),
		known("reconnect.side", side),
		known("expires", len(w.Expires) <= 2),
		known("answer", slices.Contains([]tenants.AnswerShape{"", tenants.AnswerV1, tenants.AnswerV2}, w.Answer)),
		known("onUnlink", slices.Contains([]tenants.OnUnlink{"", tenants.UnlinkLeave, tenants.UnlinkComment, tenants.UnlinkClose}, w.OnUnlink)),
		known("target.type", w.Target.Type != ""),
		known("target.settings", shallow(w.Target.Settings, maxDepth)),
	} {
		if name != "" {
			return name
		}
	}
	return ""
}

func shallow(v any, depth int) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			if depth == 0 || !shallow(e, depth-1) {
				return false
			}
		}
	case []any:
		for _, e := range v {
			if depth == 0 || !shallow(e, depth-1) {
				return false
			}
		}
	}
	return true
}

func wireConnection(e connections.Entry) *connection {
	out := &connection{Integration: e.Key.Integration, Entity: e.Key.Entity, Record: e.Record}
	if ms := e.Changed.UnixMilli(); ms > 0 {
		out.Changed = ms
	}
	return out
}

func (w *connection) of(tenant string) connections.Entry {
	e := connections.Entry{Key: connections.Key{Tenant: tenant, Integration: w.Integration, Entity: w.Entity}, Record: w.Record}
	if w.Changed > 0 {
		e.Changed = connections.Millis(w.Changed)
	}
	return e
}
