package admin

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// Unguarded serves something past the frame, as a mistake would.
func (a *API) Unguarded(method, path string) {
	a.echo.Add(method, Base+echoPath(Route{Path: path}), func(c echo.Context) error { return c.String(http.StatusOK, "anything") })
}
