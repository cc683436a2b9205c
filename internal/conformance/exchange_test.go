package conformance

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pushbutton/internal/conformance/vendors"
)

// exchange holds one request and, if it passes, its reply against a spec.
func exchange(t *testing.T, spec vendors.Spec, method, path, body string, status int, reply string) error {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	_, check, err := spec.Request(r, []byte(body))
	if err != nil || check == nil {
		return err
	}
	return check(status, http.Header{"Content-Type": {"application/json"}}, []byte(reply))
}
