package admin

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"pushbutton/internal/admin/auth"
)

// Revocations revokes tokens; *auth.RevocationStore does.
type Revocations interface {
	Revoke(ctx context.Context, tenant, tokenID, by string, left time.Duration) error
	List(ctx context.Context, tenant string, offset, limit int) ([]auth.RevokedToken, error)
}

// RevokedToken is a token that counts no more, on the wire.
type RevokedToken struct {
	Token string    `json:"token" doc:"The token's id (jti)."`
	Until time.Time `json:"until" doc:"How long this is remembered. The token must have expired by then."`
}

// TokenRevoke says how long a token could still be valid.
type TokenRevoke struct {
	Expires time.Time `json:"expires,omitzero" doc:"The token's exp, if it is known, so that the revocation can be forgotten then, or after a day. If it is absent, the plugin assumes 366 days, the longest life of a token that it makes itself."`
}

// Whoami is whose the token of a request is.
type Whoami struct {
	Subject string    `json:"subject"`
	Tenant  string    `json:"tenant,omitempty" doc:"Absent for an operator."`
	Roles   []string  `json:"roles"`
	Token   string    `json:"token" doc:"The token's id (jti)."`
	Expires time.Time `json:"expires"`
}

// maxLeft bounds for how long a revocation is remembered.
const maxLeft = 10 * auth.MaxLife

func (in TokenRevoke) left(now time.Time) (time.Duration, error) {
	if in.Expires.IsZero() {
		return auth.MaxLife, nil
	}
	left := in.Expires.Sub(now)
	switch {
	case left > maxLeft:
		return 0, Invalid(FieldError{Field: "expires", Message: "is more than ten years from now"})
	case left <= 0:
		return 0, Invalid(FieldError{Field: "expires", Message: "is over, so that the token would count no more anyway; leave it out if it is not known"})
	}
	return left, nil
}

// TokenRoutes are the routes of tokens.
func TokenRoutes(store Revocations) []Route {
	const tag = "Tokens"
	revoke := func(ctx context.Context, tenant string, c *Call, in TokenRevoke) (None, error) {
		left, err := in.left(time.Now())
		if err != nil {
			return None{}, err
		}
		return None{}, store.Revoke(ctx, tenant, c.Param("token"), c.Identity.Subject, left)
	}
	list := func(ctx context.Context, tenant string, q Paging) (Page[RevokedToken], error) {
		page := Page[RevokedToken]{Items: []RevokedToken{}}
		offset, err := offsetOf(q)
		if err != nil {
			return page, err
		}
		found, err := store.List(ctx, tenant, offset, q.size())
		for _, t := range found {
			page.Items = append(page.Items, RevokedToken{Token: t.TokenID, Until: t.Until})
		}
		if len(found) == q.size() {
			page.Next = strconv.Itoa(offset + len(found))
		}
		return page, err
	}
	return []Route{
		Handle(Route{Method: http.MethodGet, Path: "/whoami", Operation: "whoami", Tag: tag, Summary: "Show whose the token is"},
			func(_ context.Context, c *Call, _, _ None) (Whoami, error) {
				out := Whoami{Subject: c.Identity.Subject, Tenant: c.Identity.Tenant, Token: c.Identity.TokenID, Expires: c.Identity.Expires.UTC(), Roles: []string{}}
				for _, r := range c.Identity.Roles {
					out.Roles = append(out.Roles, string(r))
				}
				return out, nil
			}),
		Handle(Route{Method: http.MethodPost, Path: "/tokens/{token}/revoke", Operation: "revokeToken", Tag: tag, Role: auth.Operator,
			Summary: "Revoke any token", Description: "It is rejected from the next request on, in every process."},
			func(ctx context.Context, c *Call, _ None, in TokenRevoke) (None, error) {
				return revoke(ctx, "", c, in)
			}),
		Handle(Route{Method: http.MethodGet, Path: "/tokens/revoked", Operation: "listRevokedTokens", Tag: tag, Role: auth.Operator,
			Summary: "List tokens that were revoked for the deployment"},
			func(ctx context.Context, _ *Call, q Paging, _ None) (Page[RevokedToken], error) {
				return list(ctx, "", q)
			}),
		Handle(Route{Method: http.MethodPost, Path: "/tenants/{tenant}/tokens/{token}/revoke", Operation: "revokeTenantToken", Tag: tag, Role: auth.Admin,
			Summary: "Revoke a token of the tenant", Description: "A token of another tenant with this id stays valid. The revocations outlive the tenant, in case one of the same id follows."},
			func(ctx context.Context, c *Call, _ None, in TokenRevoke) (None, error) {
				return revoke(ctx, c.Tenant.ID, c, in)
			}),
		Handle(Route{Method: http.MethodGet, Path: "/tenants/{tenant}/tokens/revoked", Operation: "listRevokedTenantTokens", Tag: tag, Role: auth.Admin,
			Summary: "List tokens that were revoked for the tenant"},
			func(ctx context.Context, c *Call, q Paging, _ None) (Page[RevokedToken], error) {
				return list(ctx, c.Tenant.ID, q)
			}),
	}
}
