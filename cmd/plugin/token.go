package main

import (
	"context"
	"fmt"
	"time"

	"pushbutton/config"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/tenants"
)

const (
	// tokenLife is a token's life if no flag sets one: a working day.
	tokenLife = 8 * time.Hour
	// tokenSubject is a token's subject if no flag sets one.
	tokenSubject = "plugin token"
)

func tokenCommand() command {
	return command{name: "token", settings: true, summary: "make a token for the admin API, signed with PLUGIN_ADMIN_JWT_KEY", setup: func(inv *invocation) func(context.Context, []string) error {
		var g auth.Grant
		role := inv.flags.String("role", string(auth.Admin), "`ROLE`: viewer or admin of a tenant, or operator of the deployment")
		inv.flags.StringVar(&g.Tenant, "tenant", "", "the `TENANT` it is for; none for an operator")
		inv.flags.StringVar(&g.Subject, "subject", tokenSubject, "whose it is, for the audit log: a `NAME`")
		inv.flags.DurationVar(&g.Life, "for", tokenLife, "how long it is valid, such as 30m or 8h; at most 366 days (8784h)")
		return func(_ context.Context, args []string) error {
			if err := noArgs(args); err != nil {
				return err
			}
			cfg, err := inv.load(nil, config.AdminJWTKey)
			if err != nil {
				return err
			}
			if g.Tenant != "" && !tenants.ValidTenantID(g.Tenant) {
				return &usageError{fmt.Errorf("--tenant has 1 to %d of the characters a-z, 0-9 and -", tenants.MaxTenantID)}
			}
			raw, err := cfg.AdminKey()
			if err != nil {
				return &usageError{err}
			}
			key, err := auth.NewSharedKey(raw)
			if err != nil {
				return &usageError{err}
			}
			g.Roles, g.Issuer, g.Audience = []auth.Role{auth.Role(*role)}, cfg.AdminJWTIssuer, cfg.AdminJWTAudience
			token, _, err := key.Mint(g, time.Now())
			if err != nil {
				return &usageError{err}
			}
			_, err = fmt.Fprintln(inv.stdout, token)
			return err
		}
	}}
}
