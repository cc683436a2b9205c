package admin

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"pushbutton/internal/fault"
)

// TypeOf returns the problem type that stands for a kind of failure.
func TypeOf(kind fault.Kind) ProblemType { return typeOf(kind) }

// Unguarded serves something past the frame, as a mistake would.
func (a *API) Unguarded(method, path string) {
	a.echo.Add(method, Base+echoPath(Route{Path: path}), func(c echo.Context) error { return c.String(http.StatusOK, "anything") })
}
