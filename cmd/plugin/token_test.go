package main

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/secret"
)

func TestTokenPrintsATokenAndNothingElse(t *testing.T) {
	raw := strings.Repeat("s", auth.MinSharedKey)
	vars := map[string]string{"PLUGIN_ADMIN_JWT_KEY": base64.StdEncoding.EncodeToString([]byte(raw)), "PLUGIN_ADMIN_JWT_AUDIENCE": "plugin"}
	env := environment{lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }, all: func() []string { return nil }}
	key, err := auth.NewSharedKey(secret.New(raw))
	require.NoError(t, err)
	verifier, err := auth.NewVerifier([]auth.Keys{key}, &auth.Options{Audience: "plugin"})
	require.NoError(t, err)

	for _, c := range []struct {
		args   []string
		tenant string
		role   auth.Role
	}{
		{[]string{"--tenant", "acme"}, "acme", auth.Admin},
		{[]string{"--role", "viewer", "--tenant", "acme", "--for", "30m", "--subject", "jane"}, "acme", auth.Viewer},
		{[]string{"--role", "operator"}, "", auth.Operator},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, exitOK, run(t.Context(), append([]string{"token"}, c.args...), env, &out, &errs), errs.String())
		id, err := verifier.Verify(t.Context(), strings.TrimSuffix(out.String(), "\n"))
		require.NoError(t, err, out.String())
		require.Equal(t, c.tenant, id.Tenant)
		require.Equal(t, []auth.Role{c.role}, id.Roles)
		require.Empty(t, errs.String())
	}
	for _, args := range [][]string{{}, {"--role", "operator", "--tenant", "acme"}, {"--role", "root", "--tenant", "acme"}, {"--tenant", "A"}, {"--tenant", "acme", "--for", "9000h"}, {"--tenant", "acme", "more"}} {
		var out, errs bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), append([]string{"token"}, args...), env, &out, &errs), args)
		require.Empty(t, out.String())
		require.NotEmpty(t, errs.String())
	}
	delete(vars, "PLUGIN_ADMIN_JWT_KEY")
	var out, errs bytes.Buffer
	require.Equal(t, exitUsage, run(t.Context(), []string{"token", "--tenant", "acme"}, env, &out, &errs))
	require.Contains(t, errs.String(), "PLUGIN_ADMIN_JWT_KEY")
}
