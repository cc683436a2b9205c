package pbapi

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"

	"pushbutton/internal/secret"
)

// ActionVersion is the one version of the action's payload that there is.
const ActionVersion = 1

// The limits of an integration, in characters.
const (
	MaxIntegrationType = 255
	MaxIntegrationName = 255
	MaxButtonLabel     = 10
	MaxActionURL       = 1024
	MaxAuthorization   = 2048
)

// Permissions that the operations need.
const (
	scopeIntegrationsRead   = "plugin-integrations:read"
	scopeIntegrationsWrite  = "plugin-integrations:write"
	scopeIntegrationsDelete = "plugin-integrations:delete"
)

const (
	pathIntegrations = "/plugin-integrations"
	thingIntegration = "this integration"
)

// IntegrationStatus says whether the column is shown and its button works.
type IntegrationStatus string

// The two values of IntegrationStatus.
const (
	Enabled  IntegrationStatus = "enabled"
	Disabled IntegrationStatus = "disabled"
)

// Action is where and how Productboard calls the plugin. It can be written and
// never read back.
type Action struct {
	// URL gets the probe and the notifications: https, with a valid
	// certificate and a public host.
	URL string
	// Authorization is sent as the Authorization header of every call, as it
	// is. Empty: none.
	Authorization secret.String
}

// IntegrationCreate describes a new integration.
type IntegrationCreate struct {
	// Type begins with a reversed domain name; integrations of one type share
	// an icon.
	Type string
	// Name is the column's name.
	Name string
	// Status is Enabled if empty; with Disabled no probe is sent.
	Status IntegrationStatus
	// Label is the button's text before a push.
	Label  string
	Action Action
}

// IntegrationUpdate changes what is not nil. A change of Action while the
// integration is enabled is probed first.
type IntegrationUpdate struct {
	Name   *string
	Status *IntegrationStatus
	Label  *string
	Action *Action
}

// Integration is an integration as Productboard shows it.
type Integration struct {
	ID        string
	Type      string
	Name      string
	Status    IntegrationStatus
	Label     string
	CreatedAt time.Time // zero if Productboard's text is not a time
}

// CreateIntegration registers an integration. Productboard sends the probe
// while this call waits, so before the id is known. After an error that is
// Unsure it may exist: look with ListIntegrations before creating again.
func (s *Session) CreateIntegration(ctx context.Context, in IntegrationCreate) (string, error) {
	const op = "create integration"
	fields := wireIntegration{
		Type: &in.Type, Name: &in.Name, InitialState: &wireInitialState{in.Label}, Action: in.Action.wire(),
	}
	if in.Status != "" {
		fields.Status = &in.Status
	}
	if err := fields.validate(op); err != nil {
		return "", err
	}
	created, err := one[wireReference](ctx, s, request{
		op: op, method: http.MethodPost, path: pathIntegrations, body: wrap(fields),
		scope: scopeIntegrationsWrite, thing: thingIntegration, secrets: []secret.String{in.Action.Authorization},
	})
	return created.ID, err
}

// ListIntegrations returns the integrations that the token may see: with OAuth
// only those that the same application made.
func (s *Session) ListIntegrations(ctx context.Context) iter.Seq2[Integration, error] {
	return convert(list[wireIntegrationResource](ctx, s, request{
		op: "list integrations", method: http.MethodGet, path: pathIntegrations, reads: true,
		scope: scopeIntegrationsRead, thing: "the list of integrations",
	}), wireIntegrationResource.integration)
}

// GetIntegration reads one integration.
func (s *Session) GetIntegration(ctx context.Context, id string) (Integration, error) {
	const op = "get integration"
	r, err := integrationRequest(op, http.MethodGet, id)
	if err != nil {
		return Integration{}, err
	}
	r.reads, r.scope = true, scopeIntegrationsRead
	got, err := one[wireIntegrationResource](ctx, s, r)
	return got.integration(), err
}

// UpdateIntegration changes an integration; what is nil stays as it is.
func (s *Session) UpdateIntegration(ctx context.Context, id string, in IntegrationUpdate) error {
	const op = "update integration"
	r, err := integrationRequest(op, http.MethodPatch, id)
	if err != nil {
		return err
	}
	fields := wireIntegration{Name: in.Name, Status: in.Status}
	if in.Label != nil {
		fields.InitialState = &wireInitialState{*in.Label}
	}
	if in.Action != nil {
		fields.Action = in.Action.wire()
		r.secrets = []secret.String{in.Action.Authorization}
	}
	if fields == (wireIntegration{}) {
		return invalidRequest(op, "There is nothing to update.")
	}
	if err := fields.validate(op); err != nil {
		return err
	}
	r.body, r.scope = wrap(fields), scopeIntegrationsWrite
	_, err = one[wireReference](ctx, s, r)
	return err
}

// DeleteIntegration deletes an integration with every connection and button
// of it, for good.
func (s *Session) DeleteIntegration(ctx context.Context, id string) error {
	r, err := integrationRequest("delete integration", http.MethodDelete, id)
	if err != nil {
		return err
	}
	r.scope = scopeIntegrationsDelete
	return s.do(ctx, r, nil)
}

func integrationRequest(op, method, id string) (request, error) {
	if err := checkUUID(op, "The integration's id", id); err != nil {
		return request{}, err
	}
	return request{op: op, method: method, path: pathIntegrations + "/" + url.PathEscape(id), thing: thingIntegration}, nil
}

type wireIntegration struct {
	Type         *string            `json:"type,omitempty"`
	Name         *string            `json:"name,omitempty"`
	Status       *IntegrationStatus `json:"integrationStatus,omitempty"`
	InitialState *wireInitialState  `json:"initialState,omitempty"`
	Action       *wireAction        `json:"action,omitempty"`
}

// validate looks at the fields that are there.
func (w wireIntegration) validate(op string) error {
	var c check
	if w.Type != nil {
		c.length("type", *w.Type, 1, MaxIntegrationType)
	}
	if w.Name != nil {
		c.length("name", *w.Name, 1, MaxIntegrationName)
	}
	if w.Status != nil {
		c.oneOf("integrationStatus", string(*w.Status), string(Enabled), string(Disabled))
	}
	if w.InitialState != nil {
		c.length("initialState.label", w.InitialState.Label, 1, MaxButtonLabel)
	}
	if w.Action != nil {
		c.web("action.url", w.Action.URL, MaxActionURL, "https")
		if w.Action.Headers != nil {
			c.length("action.headers.authorization", w.Action.Headers.Authorization, 1, MaxAuthorization)
		}
	}
	return c.err(op)
}

type wireInitialState struct {
	Label string `json:"label"`
}

type wireAction struct {
	URL     string       `json:"url"`
	Version int          `json:"version"`
	Headers *wireHeaders `json:"headers,omitempty"`
}

type wireHeaders struct {
	Authorization string `json:"authorization"`
}

func (a Action) wire() *wireAction {
	w := &wireAction{URL: a.URL, Version: ActionVersion}
	if !a.Authorization.Empty() {
		w.Headers = &wireHeaders{a.Authorization.Reveal()}
	}
	return w
}

type wireIntegrationResource struct {
	ID        string `json:"id"`
	CreatedAt string `json:"createdAt"`
	Fields    struct {
		Type         string            `json:"type"`
		Name         string            `json:"name"`
		Status       IntegrationStatus `json:"integrationStatus"`
		InitialState wireInitialState  `json:"initialState"`
	} `json:"fields"`
}

func (w wireIntegrationResource) present() bool { return w.ID != "" }

func (w wireIntegrationResource) integration() Integration {
	created, _ := time.Parse(time.RFC3339, w.CreatedAt)
	return Integration{ID: w.ID, Type: w.Fields.Type, Name: w.Fields.Name, Status: w.Fields.Status,
		Label: w.Fields.InitialState.Label, CreatedAt: created}
}
