package applyfile

import (
	"pushbutton/internal/tenants"
)

// maxScope bounds a list of scopes, in characters.
const maxScope = 1000

// productboard reads the credential for Productboard: one of its three kinds.
func (r *reader) productboard(v value) tenants.ProductboardAuth {
	before := len(r.problems)
	var auth tenants.ProductboardAuth
	kinds := 0
	kind := func(k tenants.AuthKind, read func(v value)) field {
		return field{name: string(k), read: func(v value) {
			kinds++
			auth.Kind = k
			read(v)
		}}
	}
	r.object(v,
		kind(tenants.AuthToken, func(v value) { auth.Token = r.secret(v) }),
		kind(tenants.AuthOAuth, func(v value) {
			r.object(v,
				field{name: "clientId", required: true, read: func(v value) { auth.ClientID = r.text(v, 1, maxWord) }},
				field{name: "clientSecret", read: func(v value) { auth.ClientSecret = r.secret(v) }},
				field{name: "scope", read: func(v value) { auth.Scope = r.text(v, 1, maxScope) }})
		}),
		kind(tenants.AuthJWT, func(v value) {
			r.object(v,
				field{name: "clientId", required: true, read: func(v value) { auth.ClientID = r.text(v, 1, maxWord) }},
				field{name: "subject", required: true, read: func(v value) { auth.Subject = r.text(v, 1, maxWord) }},
				field{name: "privateKey", required: true, read: func(v value) { auth.PrivateKey = r.secret(v) }},
				field{name: "keyId", read: func(v value) { auth.KeyID = r.text(v, 1, maxWord) }},
				field{name: "scope", read: func(v value) { auth.Scope = r.text(v, 1, maxScope) }})
		}))
	if len(r.problems) > before {
		return auth
	}
	if kinds != 1 {
		r.complain(v, "must hold exactly one of token, oauth and jwt")
		return auth
	}
	for _, p := range auth.Check() {
		at := v.at(string(auth.Kind))
		if auth.Kind != tenants.AuthToken {
			at = at.at(p.Field)
		}
		r.complain(at, "%s", p.Message)
	}
	return auth
}
