// Package auth says who may use the admin API: it verifies bearer tokens
// (JWT) and reads off them whose they are and what they may do.
//
// What must not live here: routes (admin), what a tenant is (tenants), and the
// Authorization value of Productboard's clicks, which is no token of ours.
package auth

import (
	"slices"
	"time"
)

// Role is a set of rights.
type Role string

// The roles. A viewer reads one tenant, an admin changes it too; an operator
// runs the deployment and may do everything in it.
const (
	Viewer   Role = "viewer"
	Admin    Role = "admin"
	Operator Role = "operator"
)

// Roles lists every role, the least first.
func Roles() []Role { return []Role{Viewer, Admin, Operator} }

// Identity is whose a verified token is.
type Identity struct {
	// Subject names the person or program, for the audit log.
	Subject string
	// Tenant is the one tenant that the token is for; empty for an operator's.
	Tenant string
	Roles  []Role
	// TokenID is the token's jti, by which it can be revoked.
	TokenID string
	Expires time.Time
}

// May reports whether the identity has a role in a tenant. An operator has every
// role in every tenant; an empty tenant means the deployment, which is an
// operator's alone.
func (i Identity) May(tenant string, need Role) bool {
	if slices.Contains(i.Roles, Operator) {
		return true
	}
	if tenant == "" || i.Tenant != tenant || need == Operator {
		return false
	}
	return slices.Contains(i.Roles, Admin) || need == Viewer && slices.Contains(i.Roles, Viewer)
}
