package app

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/secret"
)

// The page's commands, run as they stand there.
func TestAdminPage(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("the page is made of curl commands, and there is no curl here")
	}
	page, err := os.ReadFile("../../docs/admin-api.md")
	require.NoError(t, err)
	var script strings.Builder
	script.WriteString("set -eux\n")
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(page, -1)
	require.NotEmpty(t, blocks)
	for _, b := range blocks {
		script.Write(b[1])
	}
	raw := strings.Repeat("s", auth.MinSharedKey)
	key, err := auth.NewSharedKey(secret.New(raw))
	require.NoError(t, err)
	mint := func(tenant string, role auth.Role) string {
		token, _, err := key.Mint(auth.Grant{Subject: "jane", Tenant: tenant, Roles: []auth.Role{role}, Life: time.Hour}, time.Now())
		require.NoError(t, err)
		return token
	}
	address := startDev(t, raw)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script.String())
	cmd.Dir = t.TempDir()
	cmd.Env = append(cmd.Environ(), "PLUGIN="+address, "OPERATOR="+mint("", auth.Operator), "ADMIN="+mint("acme", auth.Admin))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NotContains(t, string(out), `"apiKey":"sandbox-tracker-key"`, "no answer gives a secret back")
}
