package pbauth_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/tenants/pbauth"
)

func TestCallbackShowsTheCodeAndNothingElse(t *testing.T) {
	for name, tc := range map[string]struct {
		query      string
		status     int
		says, hide string
	}{
		"a code":           {"code=abc123&state=canary", 200, "<code>abc123</code>", "canary"},
		"refused":          {"error=access_denied&error_description=canary&state=canary", 400, "refused in Productboard", "canary"},
		"another error":    {"error=canary&code=abc", 400, "did not send a code", "canary"},
		"nothing":          {"", 400, "did not send a code", "<code>"},
		"markup":           {"code=" + url.QueryEscape("<script>alert(1)</script>"), 200, "&lt;script&gt;", "<script>"},
		"control":          {"code=" + url.QueryEscape("a\nb"), 400, "did not send a code", "a\nb"},
		"far too long":     {"code=" + strings.Repeat("a", 3000), 400, "did not send a code", "aaaa"},
		"a code and error": {"code=canary&error=x", 400, "did not send a code", "canary"},
	} {
		rec := httptest.NewRecorder()
		pbauth.Callback().ServeHTTP(rec, httptest.NewRequest("GET", pbauth.CallbackPath+"?"+tc.query, nil))
		require.Equal(t, tc.status, rec.Code, name)
		require.Contains(t, rec.Body.String(), tc.says, name)
		require.NotContains(t, rec.Body.String(), tc.hide, name)
		require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
		require.Contains(t, rec.Header().Get("Content-Security-Policy"), "default-src 'none'")
	}
}
