// Package probe answers Productboard's probe: the GET that proves, when an
// integration is created or its action changed, that we want its clicks.
//
// What must not live here: anything else.
package probe

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
)

// maxToken bounds the validation token in bytes.
const maxToken = 4 << 10

// Handler answers the probe of any integration, also of one whose id at
// Productboard is not known yet: the probe arrives during the create call.
func Handler(integrations tenants.ByID) echo.HandlerFunc {
	return func(c echo.Context) error {
		token, err := answer(c.Request().Context(), integrations, c.Param("id"), c.Request())
		if err != nil {
			return err
		}
		h := c.Response().Header()
		// The token is somebody else's text: no browser may take it for a page.
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		return c.Blob(http.StatusOK, "text/plain; charset=utf-8", []byte(token))
	}
}

func answer(ctx context.Context, integrations tenants.ByID, id string, r *http.Request) (string, error) {
	if _, err := tenants.Authenticate(ctx, integrations, id, r.Header.Get("Authorization")); err != nil {
		return "", err
	}
	token := r.URL.Query().Get("validationToken")
	switch {
	case token == "":
		return "", fault.New(fault.Invalid, "probe", "The query parameter validationToken is missing.")
	case len(token) > maxToken:
		return "", fault.New(fault.Invalid, "probe", "The query parameter validationToken is longer than 4096 bytes.")
	}
	return token, nil
}
