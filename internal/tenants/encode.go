package tenants

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
)

// sealedIntegration is an integration as it stands in Redis. Names of fields
// are kept for good: records are never rewritten as a whole.
type sealedIntegration struct {
	ID             string               `json:"id"`
	Name           string               `json:"name"`
	Version        int64                `json:"version"`
	Type           string               `json:"type"`
	ProductboardID string               `json:"productboardId,omitempty"`
	CreateBegun    time.Time            `json:"createBegun,omitzero"`
	ButtonLabel    string               `json:"buttonLabel"`
	ActionAuth     string               `json:"actionAuth"`
	FormerAuth     string               `json:"formerAuth,omitempty"`
	FormerUntil    time.Time            `json:"formerUntil,omitzero"`
	Productboard   sealedAuth           `json:"productboard"`
	Reconnect      *markedReconnect     `json:"reconnect,omitempty"`
	Answer         AnswerShape          `json:"answer"`
	OnUnlink       OnUnlink             `json:"onUnlink"`
	Refresh        RefreshSettings      `json:"refresh,omitzero"`
	Hooks          HookMode             `json:"hooks,omitempty"`
	Hook           *sealedHook          `json:"hook,omitempty"`
	TargetType     string               `json:"targetType"`
	Settings       map[string]any       `json:"settings"`
	Credentials    map[string]string    `json:"credentials"`
	Disabled       bool                 `json:"disabled,omitempty"`
	Deleting       time.Time            `json:"deleting,omitzero"`
	CreatedAt      time.Time            `json:"createdAt"`
	UpdatedAt      time.Time            `json:"updatedAt"`
	SecretsSet     map[string]time.Time `json:"secretsSet,omitempty"`
	Expires        []markedExpiry       `json:"expires,omitempty"`
	Registered     string               `json:"registered,omitempty"`
}

// sealedAuth is a ProductboardAuth as it stands in Redis.
type sealedAuth struct {
	Kind         AuthKind `json:"kind"`
	Token        string   `json:"token,omitempty"`
	ClientID     string   `json:"clientId,omitempty"`
	ClientSecret string   `json:"clientSecret,omitempty"`
	Subject      string   `json:"subject,omitempty"`
	PrivateKey   string   `json:"privateKey,omitempty"`
	KeyID        string   `json:"keyId,omitempty"`
	Scope        string   `json:"scope,omitempty"`
}

// markedReconnect is a Reconnect with the name of the credential it is about.
type markedReconnect struct {
	Side   fault.Side `json:"side"`
	Reason string     `json:"reason"`
	Since  time.Time  `json:"since"`
	Of     string     `json:"of"`
}

// The fields' names that a sealed text is bound to.
const (
	boundAuth       = "actionAuth"
	boundFormer     = "formerAuth"
	boundToken      = "productboard.token"
	boundSecret     = "productboard.clientSecret"
	boundKey        = "productboard.privateKey"
	boundHookToken  = "hook.token"
	boundHookSecret = "hook.secret"
	boundHookFormer = "hook.former"
	boundCredential = "credentials."
)

// bound is the text that a sealed credential is tied to: it opens for this
// tenant, integration and field alone. None of the parts but the last can
// hold a slash.
func bound(tenant, integration, field string) string {
	return tenant + "/" + integration + "/" + field
}

func (s *Store) encode(in Integration) ([]byte, error) {
	rec := sealedIntegration{
		ID: in.ID, Name: in.Name, Version: in.Version, Type: in.Type,
		ProductboardID: in.ProductboardID, CreateBegun: in.CreateBegun, ButtonLabel: in.ButtonLabel,
		Answer: in.Answer, OnUnlink: in.OnUnlink, Refresh: in.Refresh, Hooks: in.Hooks,
		TargetType: in.Target.Type, Settings: in.Target.Settings, Credentials: make(map[string]string, len(in.Target.Credentials)),
		Disabled: in.Disabled, CreatedAt: in.CreatedAt, UpdatedAt: in.UpdatedAt, Registered: in.Registered,
		FormerUntil: in.Former.Until, Deleting: in.Deleting, SecretsSet: in.SecretsSet,
	}
	var errs []error
	seal := func(value secret.String, field string) string {
		if value.Empty() {
			return ""
		}
		sealed, err := s.keys.Seal(value, bound(in.Tenant, in.ID, field))
		if err != nil {
			errs = append(errs, fmt.Errorf("seal %s: %w", field, err))
		}
		return sealed
	}
	rec.Expires = encodeExpiry(in.expires())
	rec.ActionAuth = seal(in.ActionAuth, boundAuth)
	rec.FormerAuth = seal(in.Former.Value, boundFormer)
	pb := in.Productboard
	rec.Productboard = sealedAuth{
		Kind: pb.Kind, ClientID: pb.ClientID, Subject: pb.Subject, KeyID: pb.KeyID, Scope: pb.Scope,
		Token: seal(pb.Token, boundToken), ClientSecret: seal(pb.ClientSecret, boundSecret), PrivateKey: seal(pb.PrivateKey, boundKey),
	}
	if r := in.reconnect(); r != nil {
		rec.Reconnect = &markedReconnect{Side: r.Side, Reason: r.Reason, Since: r.Since, Of: r.of}
	}
	rec.Hook = encodeHook(in.Hook, seal)
	for name, value := range in.Target.Credentials {
		rec.Credentials[name] = seal(value, boundCredential+name)
	}
	raw, err := json.Marshal(rec)
	if errs = append(errs, err); errors.Join(errs...) != nil {
		return nil, fault.Wrap(fault.Internal, "encode integration", errors.Join(errs...))
	}
	if len(raw) > MaxRecord {
		return nil, fault.New(fault.Invalid, "encode integration", fmt.Sprintf("The integration's settings are larger than %d bytes.", MaxRecord))
	}
	return raw, nil
}

func (s *Store) decode(tenant, raw string) (Integration, error) {
	const op = "decode integration"
	var rec sealedIntegration
	if err := json.Unmarshal([]byte(raw), &rec); err != nil {
		return Integration{}, brokenFault(op, "The integration", err)
	}
	if rec.ID == "" || rec.Name == "" {
		return Integration{}, brokenFault(op, "The integration", errors.New("it has no id or no name"))
	}
	in := Integration{
		ID: rec.ID, Tenant: tenant, Name: rec.Name, Version: rec.Version, Type: rec.Type,
		ProductboardID: rec.ProductboardID, CreateBegun: rec.CreateBegun, ButtonLabel: rec.ButtonLabel,
		Answer: rec.Answer, OnUnlink: rec.OnUnlink, Refresh: rec.Refresh, Hooks: rec.Hooks,
		Target:   TargetConfig{Type: rec.TargetType, Settings: rec.Settings, Credentials: make(map[string]secret.String, len(rec.Credentials))},
		Disabled: rec.Disabled, CreatedAt: rec.CreatedAt, UpdatedAt: rec.UpdatedAt, Registered: rec.Registered,
		Former: FormerAuth{Until: rec.FormerUntil}, Deleting: rec.Deleting, SecretsSet: rec.SecretsSet,
	}
	var errs []error
	open := func(sealed, field string) secret.String {
		if sealed == "" {
			return secret.String{}
		}
		value, err := s.keys.Open(sealed, bound(tenant, rec.ID, field))
		if err != nil {
			errs = append(errs, fmt.Errorf("open %s of integration %s: %w", field, rec.ID, err))
		}
		return value
	}
	in.Expires = decodeExpiry(rec.Expires)
	in.ActionAuth = open(rec.ActionAuth, boundAuth)
	in.Former.Value = open(rec.FormerAuth, boundFormer)
	pb := rec.Productboard
	in.Productboard = ProductboardAuth{
		Kind: pb.Kind, ClientID: pb.ClientID, Subject: pb.Subject, KeyID: pb.KeyID, Scope: pb.Scope,
		Token: open(pb.Token, boundToken), ClientSecret: open(pb.ClientSecret, boundSecret), PrivateKey: open(pb.PrivateKey, boundKey),
	}
	if r := rec.Reconnect; r != nil {
		in.Reconnect = &Reconnect{Side: r.Side, Reason: r.Reason, Since: r.Since, of: r.Of}
	}
	in.Hook = decodeHook(rec.Hook, open)
	for name, sealed := range rec.Credentials {
		in.Target.Credentials[name] = open(sealed, boundCredential+name)
	}
	if err := errors.Join(errs...); err != nil {
		return Integration{}, &fault.Error{Op: op, Kind: fault.Internal, Side: fault.SidePlugin, Err: errors.Join(ErrBroken, err),
			Public: "The integration's stored credentials cannot be opened: the plugin's operator must check PLUGIN_ENCRYPTION_KEYS."}
	}
	return in, nil
}
