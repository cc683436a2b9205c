package admin

import (
	"context"
	"net/http"
	"time"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/pbauth"
)

// Connector connects integrations with Productboard; *pbauth.Auth does.
type Connector interface {
	Start(ctx context.Context, in tenants.Integration, subject string) (pbauth.Started, error)
	Finish(ctx context.Context, tenant, integration, state, code, subject string) error
	Status(ctx context.Context, in tenants.Integration) (pbauth.Status, error)
}

// Marks clears the mark of a credential that stopped working; *tenants.Store
// does.
type Marks interface {
	Reconnected(ctx context.Context, tenant, integration string, side fault.Side) (bool, error)
}

// OAuthStarted is a connection that was begun, on the wire.
type OAuthStarted struct {
	AuthorizeURL string    `json:"authorizeUrl" doc:"Where the browser of a user of the Productboard workspace goes next."`
	State        string    `json:"state" doc:"Send it to finishOAuth, with a token of the same subject."`
	Expires      time.Time `json:"expires" doc:"When it has to be finished at the latest."`
}

// OAuthFinish holds the parameters that the browser came back with.
type OAuthFinish struct {
	State string `json:"state" min:"1" max:"200" doc:"The state of startOAuth."`
	Code  string `json:"code" min:"1" max:"2000" doc:"The code that the callback page shows. It can be used once, within about a minute."`
}

// CredentialStatus is how an integration's credentials are.
type CredentialStatus struct {
	Productboard string             `json:"productboard" doc:"The kind of the Productboard credential: token, oauth or jwt."`
	Connected    bool               `json:"connected" doc:"False if somebody has to connect it first (oauth), or once more."`
	RefreshBy    time.Time          `json:"refreshBy,omitzero" doc:"When the OAuth session ends unless it is refreshed before. The plugin refreshes it by itself."`
	Expires      []CredentialExpiry `json:"expires,omitempty" doc:"When the credentials end, as far as it is known."`
	Reconnect    *Reconnect         `json:"reconnect,omitempty" doc:"Present while a credential does not work: nothing that needs it is sent."`
}

// Reconnect is the mark of a credential that stopped working, on the wire.
type Reconnect struct {
	Side   fault.Side `json:"side" enum:"productboard,tracker" doc:"Whose credential it is."`
	Reason string     `json:"reason" doc:"Who has to do what."`
	Since  time.Time  `json:"since"`
}

// CredentialWorks says which credential works again.
type CredentialWorks struct {
	Side fault.Side `json:"side" enum:"productboard,tracker"`
}

// CredentialRoutes are the routes of an integration's credentials: connecting
// it by OAuth, and what stopped working.
func CredentialRoutes(connector Connector, marks Marks) []Route {
	const tag, base = "Credentials", "/tenants/{tenant}/integrations/{integration}"
	find := func(ctx context.Context, c *Call) (tenants.Integration, error) {
		return c.Scope.Integration(ctx, c.Param("integration"))
	}
	status := func(ctx context.Context, c *Call) (CredentialStatus, error) {
		in, err := find(ctx, c)
		if err != nil {
			return CredentialStatus{}, err
		}
		s, err := connector.Status(ctx, in)
		if err != nil {
			return CredentialStatus{}, err
		}
		out := CredentialStatus{Productboard: string(in.Productboard.Kind), Connected: s.Connected, RefreshBy: s.RefreshBy, Expires: wireExpiry(in)}
		if r := in.Reconnect; r != nil {
			out.Reconnect = &Reconnect{Side: r.Side, Reason: r.Reason, Since: r.Since}
		} else if s.Ended != "" {
			out.Reconnect = &Reconnect{Side: fault.SideProductboard, Reason: s.Ended}
		}
		return out, nil
	}
	return []Route{
		Handle(Route{Method: http.MethodGet, Path: base + "/credentials", Operation: "getCredentials", Tag: tag, Role: auth.Viewer,
			Summary: "Show the state of an integration's credentials", Description: "No credential is ever returned."},
			func(ctx context.Context, c *Call, _, _ None) (CredentialStatus, error) { return status(ctx, c) }),
		Handle(Route{Method: http.MethodPost, Path: base + "/credentials/works", Operation: "credentialWorks", Tag: tag, Role: auth.Admin,
			Summary:     "Say that a credential works again although it was not replaced",
			Description: "Pushes that waited for it go on within seconds. If it is rejected once more, the integration needs another reconnect. Replacing a credential does this by itself."},
			func(ctx context.Context, c *Call, _ None, in CredentialWorks) (CredentialStatus, error) {
				if _, err := find(ctx, c); err != nil {
					return CredentialStatus{}, err
				}
				if _, err := marks.Reconnected(ctx, c.Tenant.ID, c.Param("integration"), in.Side); err != nil {
					return CredentialStatus{}, err
				}
				return status(ctx, c)
			}),
		Handle(Route{Method: http.MethodPost, Path: base + "/oauth", Operation: "startOAuth", Tag: tag, Role: auth.Admin,
			Summary: "Begin to connect an integration with Productboard by OAuth",
			Description: "Send the browser of a Productboard user to `authorizeUrl`. It comes back to this plugin's `" + pbauth.CallbackPath + "`, which shows a code and changes nothing. " +
				"Whoever began then calls finishOAuth with the code. Only this proves that the consent was given for whom it was asked."},
			func(ctx context.Context, c *Call, _, _ None) (OAuthStarted, error) {
				in, err := find(ctx, c)
				if err != nil {
					return OAuthStarted{}, err
				}
				s, err := connector.Start(ctx, in, c.Identity.Subject)
				return OAuthStarted(s), err
			}),
		Handle(Route{Method: http.MethodPost, Path: base + "/oauth/finish", Operation: "finishOAuth", Tag: tag, Role: auth.Admin,
			Summary: "Finish connecting: exchange the code for a session", Description: "The state can be used once, by the subject that began. A session that was there before is revoked."},
			func(ctx context.Context, c *Call, _ None, in OAuthFinish) (CredentialStatus, error) {
				if _, err := find(ctx, c); err != nil {
					return CredentialStatus{}, err
				}
				if err := connector.Finish(ctx, c.Tenant.ID, c.Param("integration"), in.State, in.Code, c.Identity.Subject); err != nil {
					return CredentialStatus{}, err
				}
				return status(ctx, c)
			}),
	}
}
