package admin

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// IntegrationSettings are what can be set of an integration. Secrets are taken
// and never given back.
type IntegrationSettings struct {
	Name         string               `json:"name" min:"1" max:"255" pattern:"^[^\\x00-\\x1f\\x7f]*$" doc:"The column's name at Productboard; unique in the tenant."`
	ButtonLabel  string               `json:"buttonLabel" min:"1" max:"10" pattern:"^[^\\x00-\\x1f\\x7f]*$" doc:"The button's text before a push."`
	Enabled      *bool                `json:"enabled,omitempty" doc:"Whether its column is shown and its button works. Absent: true."`
	Answer       string               `json:"answer,omitempty" enum:"v2,v1" doc:"How clicks are answered. v1 is for integrations that were created through Productboard's API v1. Absent: v2."`
	OnUnlink     string               `json:"onUnlink,omitempty" enum:"leave,comment,close" doc:"What becomes of the issue when its button is unlinked. Absent: leave."`
	Refresh      *RefreshSettings     `json:"refresh,omitempty" doc:"How buttons are kept like their issues."`
	Hooks        string               `json:"hooks,omitempty" enum:"auto,manual,off" doc:"Who sets the tracker's webhook up: the plugin as far as it can (auto), or an admin (manual). With off, none is taken. Absent: auto."`
	Productboard ProductboardSettings `json:"productboard" doc:"The credential for Productboard: exactly one of the three."`
	Target       TargetSettings       `json:"target" doc:"Where issues are opened."`
}

// RefreshSettings say how buttons are kept like their issues.
type RefreshSettings struct {
	Enabled   *bool  `json:"enabled,omitempty" doc:"Whether buttons are compared with their issues after the push. Absent: true."`
	OnDeleted string `json:"onDeleted,omitempty" enum:"show,reset" doc:"What a button shows once its issue was deleted: show that it was, or reset to initial. Absent: show."`
}

func (s *RefreshSettings) refresh() tenants.RefreshSettings {
	if s == nil {
		return tenants.RefreshSettings{}
	}
	return tenants.RefreshSettings{Off: s.Enabled != nil && !*s.Enabled, ResetDeleted: s.OnDeleted == tenants.DeletedReset}
}

// RefreshView says how buttons are kept like their issues.
type RefreshView struct {
	Enabled   bool   `json:"enabled"`
	OnDeleted string `json:"onDeleted" enum:"show,reset"`
	// LastSweep and Stopped are not settings.
	LastSweep time.Time `json:"lastSweep,omitzero" doc:"When the last sweep over its issues ended or stopped. Absent: there was none yet. Only get and list tell it."`
	Stopped   string    `json:"stopped,omitempty" doc:"At what that sweep stopped, as a sentence. Absent: it was not stopped. Only get and list tell it."`
}

// ProductboardSettings is the credential for Productboard's API.
type ProductboardSettings struct {
	Token string         `json:"token,omitempty" max:"4096" secret:"true" doc:"An API token."`
	OAuth *OAuthSettings `json:"oauth,omitempty" doc:"An OAuth 2.0 application. The integration is registered once somebody has authorised it."`
	JWT   *JWTSettings   `json:"jwt,omitempty" doc:"A server-to-server client, which signs its own assertions."`
}

// OAuthSettings are an OAuth application's.
type OAuthSettings struct {
	ClientID     string `json:"clientId" min:"1" max:"255" doc:"The application's id."`
	ClientSecret string `json:"clientSecret,omitempty" max:"4096" secret:"true" doc:"Absent for a public client."`
	Scope        string `json:"scope,omitempty" max:"1000" doc:"What is asked for, separated by spaces. Absent: what this plugin needs."`
}

// JWTSettings are a server-to-server client's.
type JWTSettings struct {
	ClientID   string `json:"clientId" min:"1" max:"255" doc:"The client's id, the assertion's iss."`
	Subject    string `json:"subject" min:"1" max:"255" doc:"The user on whose behalf the plugin calls, the assertion's sub."`
	PrivateKey string `json:"privateKey" min:"1" max:"16384" secret:"true" doc:"An RSA key of at least 2048 bits, PEM."`
	KeyID      string `json:"keyId,omitempty" max:"255" doc:"The assertion's kid."`
	Scope      string `json:"scope,omitempty" max:"1000" doc:"What is asked for, separated by spaces. Absent: what this plugin needs."`
}

// TargetSettings name a tracker and how to reach it.
type TargetSettings struct {
	Type        string            `json:"type" min:"1" max:"64" doc:"The kind of tracker (plugin targets list). It cannot be changed."`
	Settings    map[string]any    `json:"settings,omitempty" max:"500" doc:"As docs/trackers.md has them for the kind."`
	Credentials map[string]string `json:"credentials,omitempty" max:"100" secret:"true" doc:"By name, as docs/trackers.md has them for the kind."`
}

// IntegrationCreate is a new integration.
type IntegrationCreate struct {
	Type string `json:"type,omitempty" max:"255" pattern:"^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)+$" doc:"Productboard's type, a reversed domain name; integrations of one type share an icon. It cannot be changed. Absent: com.pushbutton. and the target's type."`
	IntegrationSettings
}

// IntegrationImport is an integration that was made elsewhere.
type IntegrationImport struct {
	ProductboardID string               `json:"productboardId" min:"1" max:"64" doc:"The integration's id at Productboard."`
	Answer         string               `json:"answer,omitempty" enum:"v2,v1" doc:"v1 if it was created through Productboard's API v1. Absent: v2."`
	OnUnlink       string               `json:"onUnlink,omitempty" enum:"leave,comment,close"`
	Refresh        *RefreshSettings     `json:"refresh,omitempty"`
	Hooks          string               `json:"hooks,omitempty" enum:"auto,manual,off"`
	Productboard   ProductboardSettings `json:"productboard"`
	Target         TargetSettings       `json:"target"`
}

// SecretState is all that is told of a secret.
type SecretState struct {
	Set         bool      `json:"set"`
	LastChanged time.Time `json:"lastChanged,omitzero"`
}

// IntegrationReconnect says that a credential does not work any more.
type IntegrationReconnect struct {
	Side   fault.Side `json:"side" enum:"productboard,tracker" doc:"Whose credential it is."`
	Reason string     `json:"reason"`
	Since  time.Time  `json:"since"`
}

// CredentialExpiry is when a credential ends.
type CredentialExpiry struct {
	Side    fault.Side `json:"side" enum:"productboard,tracker" doc:"Whose credential it is."`
	At      time.Time  `json:"at" doc:"When it ends."`
	Warning string     `json:"warning,omitempty" doc:"From 14 days ahead: what to do."`
}

func wireExpiry(in tenants.Integration) []CredentialExpiry {
	var out []CredentialExpiry
	for _, side := range slices.Sorted(maps.Keys(in.Expires)) {
		out = append(out, CredentialExpiry{Side: side, At: in.Expires[side].At, Warning: register.ExpiryNote(in, side, time.Now())})
	}
	return out
}

// The states of an integration.
const (
	stateActive    = "active"
	stateDisabled  = "disabled"
	statePending   = "pending"
	stateReconnect = "needs_reconnect"
	stateDeleting  = "deleting"
)

// Integration is an integration on the wire.
type Integration struct {
	ID             string                 `json:"id"`
	Name           string                 `json:"name"`
	Type           string                 `json:"type"`
	ButtonLabel    string                 `json:"buttonLabel"`
	Enabled        bool                   `json:"enabled"`
	Answer         string                 `json:"answer"`
	OnUnlink       string                 `json:"onUnlink"`
	Refresh        RefreshView            `json:"refresh"`
	Hooks          string                 `json:"hooks" enum:"auto,manual,off" doc:"Who sets the tracker's webhook up."`
	State          string                 `json:"state" enum:"active,disabled,pending,needs_reconnect,deleting" doc:"pending: not registered at Productboard yet. deleting: a deletion has begun and has to be finished."`
	Reconnect      *IntegrationReconnect  `json:"reconnect,omitempty" doc:"Present while a credential does not work: pushes wait until it is repaired."`
	Rotating       bool                   `json:"rotating,omitempty" doc:"A rotation of the action secret is not finished: both secrets are accepted."`
	ActionURL      string                 `json:"actionUrl" doc:"Where Productboard sends clicks."`
	ProductboardID string                 `json:"productboardId,omitempty"`
	Productboard   ProductboardView       `json:"productboard"`
	Target         TargetView             `json:"target"`
	Secrets        map[string]SecretState `json:"secrets" doc:"The secrets that are set, by their place in the settings."`
	Expires        []CredentialExpiry     `json:"expires,omitempty" doc:"When its credentials end, as far as it is known."`
	Changes        []string               `json:"changes,omitempty" doc:"What this request has changed, in a few words."`
	Caveat         string                 `json:"caveat,omitempty" doc:"What the target's settings cannot promise. Only requests that check them fill it."`
	Webhook        string                 `json:"webhook,omitempty" doc:"What this request has done about the tracker's webhook."`
	CreatedAt      time.Time              `json:"createdAt"`
	UpdatedAt      time.Time              `json:"updatedAt"`
	Version        int64                  `json:"version" doc:"Rises with every change; the ETag."`
}

func (i Integration) version() int64 { return i.Version }

// ProductboardView is the credential without its secrets.
type ProductboardView struct {
	Kind     string `json:"kind" enum:"token,oauth,jwt"`
	ClientID string `json:"clientId,omitempty"`
	Subject  string `json:"subject,omitempty"`
	KeyID    string `json:"keyId,omitempty"`
	Scope    string `json:"scope,omitempty"`
}

// TargetView is a target without its secrets.
type TargetView struct {
	Type     string         `json:"type"`
	Settings map[string]any `json:"settings"`
}

func wireIntegration(in tenants.Integration, actionURL string) Integration {
	pb := in.Productboard
	out := Integration{
		ID: in.ID, Name: in.Name, Type: in.Type, ButtonLabel: in.ButtonLabel, Enabled: !in.Disabled, Answer: string(in.Answer), OnUnlink: string(in.OnUnlink),
		Refresh: RefreshView{Enabled: !in.Refresh.Off, OnDeleted: in.Refresh.OnDeleted()}, Hooks: string(in.HookMode()),
		State: stateOf(in), Rotating: in.Former.Rotating(), ActionURL: actionURL, ProductboardID: in.ProductboardID,
		Productboard: ProductboardView{Kind: string(pb.Kind), ClientID: pb.ClientID, Subject: pb.Subject, KeyID: pb.KeyID, Scope: pb.Scope},
		Target:       TargetView{Type: in.Target.Type, Settings: in.Target.Settings}, Secrets: map[string]SecretState{}, Expires: wireExpiry(in),
		CreatedAt: in.CreatedAt, UpdatedAt: in.UpdatedAt, Version: in.Version,
	}
	if out.Target.Settings == nil {
		out.Target.Settings = map[string]any{}
	}
	if r := in.Reconnect; r != nil {
		out.Reconnect = &IntegrationReconnect{Side: r.Side, Reason: r.Reason, Since: r.Since}
	}
	names, set := register.SecretsOf(in)
	for _, name := range names {
		out.Secrets[name] = SecretState{Set: true, LastChanged: set[name]}
	}
	return out
}

func stateOf(in tenants.Integration) string {
	switch {
	case !in.Deleting.IsZero():
		return stateDeleting
	case in.ProductboardID == "":
		return statePending
	case in.Reconnect != nil:
		return stateReconnect
	case in.Disabled:
		return stateDisabled
	default:
		return stateActive
	}
}

// SettingsOf returns an integration's settings as they could be sent, secrets
// included. A patch is applied to them, and a client sends them. No answer
// contains them.
func SettingsOf(in tenants.Integration) IntegrationSettings {
	enabled, refreshed := !in.Disabled, !in.Refresh.Off
	out := IntegrationSettings{Name: in.Name, ButtonLabel: in.ButtonLabel, Enabled: &enabled, Answer: string(in.Answer), OnUnlink: string(in.OnUnlink),
		Refresh: &RefreshSettings{Enabled: &refreshed, OnDeleted: in.Refresh.OnDeleted()}, Hooks: string(in.HookMode()),
		Target: TargetSettings{Type: in.Target.Type, Settings: in.Target.Settings, Credentials: map[string]string{}}}
	for name, value := range in.Target.Credentials {
		out.Target.Credentials[name] = value.Reveal()
	}
	switch pb := in.Productboard; pb.Kind {
	case tenants.AuthToken:
		out.Productboard.Token = pb.Token.Reveal()
	case tenants.AuthOAuth:
		out.Productboard.OAuth = &OAuthSettings{ClientID: pb.ClientID, ClientSecret: pb.ClientSecret.Reveal(), Scope: pb.Scope}
	case tenants.AuthJWT:
		out.Productboard.JWT = &JWTSettings{ClientID: pb.ClientID, Subject: pb.Subject, PrivateKey: pb.PrivateKey.Reveal(), KeyID: pb.KeyID, Scope: pb.Scope}
	}
	return out
}

// set puts settings into an integration, and says what of them cannot be.
func (s IntegrationSettings) set(in *tenants.Integration) []FieldError {
	in.Name, in.ButtonLabel = strings.TrimSpace(s.Name), strings.TrimSpace(s.ButtonLabel)
	in.Disabled = s.Enabled != nil && !*s.Enabled
	in.Answer, in.OnUnlink = tenants.AnswerShape(cmp.Or(s.Answer, string(tenants.AnswerV2))), tenants.OnUnlink(cmp.Or(s.OnUnlink, string(tenants.UnlinkLeave)))
	in.Refresh, in.Hooks, in.Target = s.Refresh.refresh(), tenants.HookMode(s.Hooks), s.Target.config()
	var wrong []FieldError
	for name, value := range map[string]string{"name": in.Name, "buttonLabel": in.ButtonLabel} {
		if value == "" {
			wrong = append(wrong, FieldError{Field: name, Message: "must not be blank"})
		}
	}
	pb, more := s.Productboard.auth()
	in.Productboard = pb
	return append(wrong, more...)
}

func (t TargetSettings) config() tenants.TargetConfig {
	out := tenants.TargetConfig{Type: t.Type, Settings: t.Settings, Credentials: map[string]secret.String{}}
	for name, value := range t.Credentials {
		out.Credentials[name] = secret.New(value)
	}
	return out
}

const fieldProductboard = "productboard"

// auth reads the credential: one of its three kinds.
func (p ProductboardSettings) auth() (tenants.ProductboardAuth, []FieldError) {
	var out tenants.ProductboardAuth
	kinds := 0
	if p.Token != "" {
		kinds++
		out = tenants.APIToken(secret.New(strings.TrimSpace(p.Token)))
	}
	if o := p.OAuth; o != nil {
		kinds++
		out = tenants.ProductboardAuth{Kind: tenants.AuthOAuth, ClientID: o.ClientID, ClientSecret: secret.New(o.ClientSecret), Scope: o.Scope}
	}
	if j := p.JWT; j != nil {
		kinds++
		out = tenants.ProductboardAuth{Kind: tenants.AuthJWT, ClientID: j.ClientID, Subject: j.Subject, PrivateKey: secret.New(j.PrivateKey), KeyID: j.KeyID, Scope: j.Scope}
	}
	if kinds != 1 {
		return out, []FieldError{{Field: fieldProductboard, Message: "must hold exactly one of token, oauth and jwt (in a patch, null takes away the one that is there)"}}
	}
	var wrong []FieldError
	for _, w := range out.Check() {
		wrong = append(wrong, FieldError{Field: credentialField(out.Kind, w.Field), Message: w.Message})
	}
	return out, wrong
}

// credentialField is where a part of the credential stands in a body.
func credentialField(kind tenants.AuthKind, part string) string {
	switch {
	case kind == tenants.AuthToken:
		return register.FieldToken
	case part == "":
		return fieldProductboard + "." + string(kind)
	default:
		return fieldProductboard + "." + string(kind) + "." + part
	}
}

// integrationProblem makes one problem of those of an integration, which names
// their fields. Only what the caller can mend alone is a validation problem;
// else the first other failure decides its type.
func integrationProblem(err error, kind tenants.AuthKind) error {
	var all register.Problems
	if !errors.As(err, &all) {
		return err
	}
	t := newProblemBuilder()
	t.add("", all, kind)
	p := t.problem
	p.cause = err
	if fault.IsUnsure(err) {
		p.Detail = strings.TrimSpace(p.Detail + " It may have been done all the same: send the same request again in a minute, under another Idempotency-Key, and it is settled.")
	}
	return p
}

// problemBuilder makes one problem of those of integrations.
type problemBuilder struct {
	problem *Problem
	typed   bool // its type is known
}

func newProblemBuilder() *problemBuilder { return &problemBuilder{problem: Invalid()} }

// add adds the problems of the integration that stands at a place ("", or a
// path that ends in a dot).
func (t *problemBuilder) add(at string, all register.Problems, kind tenants.AuthKind) {
	for _, one := range all {
		field := one.Field
		if field == register.FieldToken {
			field = credentialField(kind, "")
		}
		if !t.typed && fault.KindOf(one.Err) != fault.Invalid {
			errs := t.problem.Errors
			t.problem, t.typed = problemOf(one.Err), true
			t.problem.Errors = errs
		}
		t.problem.Errors = append(t.problem.Errors, FieldError{Field: at + field, Message: one.Message()})
	}
}

// Finding is one thing that a check looked at.
type Finding struct {
	Level   string `json:"level" enum:"ok,warning,error"`
	Subject string `json:"subject" doc:"What was checked, such as productboard.credential or tracker."`
	Field   string `json:"field,omitempty" doc:"Where the cause is in the settings."`
	Message string `json:"message" doc:"What was found, and what to do."`
}

// CheckReport is everything that a check found.
type CheckReport struct {
	OK       bool      `json:"ok" doc:"Nothing is an error."`
	Findings []Finding `json:"findings"`
}

func wireFindings(found []register.Finding) CheckReport {
	out := CheckReport{OK: true, Findings: []Finding{}}
	for _, f := range found {
		out.OK = out.OK && f.Level != register.Error
		out.Findings = append(out.Findings, Finding{Level: string(f.Level), Subject: f.Subject, Field: f.Field, Message: f.Message})
	}
	return out
}

// PreviewRequest names what is to be rendered.
type PreviewRequest struct {
	Entity string `json:"entity" min:"36" max:"36" doc:"The id of an item at Productboard."`
}

// PreviewField is a custom field of the issue.
type PreviewField struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Values []string `json:"values" doc:"In the form that the tracker takes."`
}

// IssuePreview is an issue as a push would create it.
type IssuePreview struct {
	Title     string         `json:"title"`
	Body      string         `json:"body" doc:"The description in the tracker's own format."`
	Format    string         `json:"format" enum:"markdown,html,wiki,textile,adf,asana,plain"`
	Labels    []string       `json:"labels"`
	Assignee  string         `json:"assignee,omitempty" doc:"The tracker's account."`
	Requester string         `json:"requester,omitempty" doc:"The tracker's account."`
	Fields    []PreviewField `json:"fields"`
	Warnings  []string       `json:"warnings" doc:"What of the item the issue will not show as it is."`
}

func wirePreview(p targets.Preview) IssuePreview {
	out := IssuePreview{Title: p.Title, Body: p.Text, Format: p.Format, Labels: append([]string{}, p.Labels...), Assignee: p.Assignee,
		Requester: p.Requester, Fields: []PreviewField{}, Warnings: append([]string{}, p.Warnings...)}
	for _, f := range p.Fields {
		out.Fields = append(out.Fields, PreviewField{ID: f.Field.ID, Name: f.Field.Name, Values: f.Values})
	}
	return out
}
