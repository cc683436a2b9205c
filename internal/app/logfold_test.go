package app

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// Callers without a credential cannot fill the log: their refusals are one line
// with a number. Clicks of a tenant keep a line each.
func TestUnauthenticatedCallersAreFolded(t *testing.T) {
	a, _ := adminApp(t)
	log := &lines{}
	a.log = slog.New(slog.NewTextHandler(log, nil))
	_, err := a.tenants.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	in, err := a.tenants.Tenant("acme").Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "x", ActionAuth: secret.New("Bearer s3cret")})
	require.NoError(t, err)
	front, err := a.Front()
	require.NoError(t, err)
	send := func(path, authorization string) int {
		req := httptest.NewRequest(http.MethodPost, path, strings.NewReader("{}"))
		req.Header.Set("Authorization", authorization)
		req.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		front.ServeHTTP(rec, req)
		return rec.Code
	}
	const many = 50
	for range many {
		require.Equal(t, http.StatusUnauthorized, send("/actions/"+in.ID, "Bearer wrong"))
		require.Equal(t, http.StatusNotFound, send("/actions/"+tenants.NewID(), "Bearer wrong"))
		require.Equal(t, http.StatusUnauthorized, send("/admin/v1/tenants", "Bearer "+strings.Repeat("a", auth.MaxToken)))
		require.Equal(t, http.StatusBadRequest, send("/actions/"+in.ID, "Bearer s3cret"))
	}
	// More if the test takes longer than what is folded.
	for _, part := range []string{"outcome=unauthorized", "outcome=not_found", `msg="invalid token"`} {
		require.Positive(t, log.count(part), part)
		require.Less(t, log.count(part), many, part)
	}
	require.Equal(t, many, log.count("outcome=invalid"))
}
