// Package server is the HTTP front: routes, the order of middleware, the one map
// from a failure's kind to a status, limits, and health.
//
// What must not live here: what a route does.
package server

import (
	"context"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"pushbutton/internal/telemetry"
)

// ActionPath is where an integration's probe and clicks arrive; ":id" is the
// integration's id.
const ActionPath = "/actions/:id"

// AdminPath is the root of the admin API.
const AdminPath = "/admin/v1"

// Limits of the listener. Productboard waits 5 s in all.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 15 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// HookPath and SharedHookPath are where trackers' webhooks arrive: at an
// integration's own address, or at one for a whole app.
const (
	HookPath       = "/hooks/:integration/:token"
	SharedHookPath = "/hooks/:kind"
)

// Routes are the handlers to serve.
type Routes struct {
	Probe  echo.HandlerFunc
	Action echo.HandlerFunc
	// Hook and SharedHook serve HookPath and SharedHookPath; nil: nothing does.
	Hook, SharedHook echo.HandlerFunc
	// Admin serves everything below AdminPath; nil: the admin API is off.
	Admin http.Handler
	// Callback, if set, serves CallbackPath, to which Productboard sends browsers
	// back. It is outside of AdminPath, since no browser sends a token there.
	Callback     http.Handler
	CallbackPath string
}

// New returns the public handler.
func New(routes Routes, log *slog.Logger) http.Handler {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(discard{})
	e.HTTPErrorHandler = errorHandler(log)
	e.Use(requestID(), middleware.RecoverWithConfig(middleware.RecoverConfig{
		LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
			log.ErrorContext(c.Request().Context(), "panic in a handler", telemetry.KeyError, err, telemetry.KeyStack, string(stack))
			return err
		},
	}))
	e.GET(ActionPath, routes.Probe)
	e.POST(ActionPath, routes.Action)
	if routes.Hook != nil {
		e.POST(HookPath, routes.Hook)
		e.POST(SharedHookPath, routes.SharedHook)
	}
	if routes.Callback != nil {
		e.GET(routes.CallbackPath, echo.WrapHandler(routes.Callback))
	}
	if routes.Admin == nil {
		return e
	}
	// Neither Echo nor a ServeMux is in between: both answer some addresses
	// themselves, and here nothing is answered without a token.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == AdminPath || strings.HasPrefix(r.URL.Path, AdminPath+"/") {
			routes.Admin.ServeHTTP(w, r)
			return
		}
		e.ServeHTTP(w, r)
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// requestID assigns every request an id of its own, for its log lines and its
// reply. An id that comes from outside is not used.
func requestID() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			id := uuid.NewString()
			c.Response().Header().Set(echo.HeaderXRequestID, id)
			req := c.Request()
			c.SetRequest(req.WithContext(telemetry.WithAttrs(req.Context(), slog.String(telemetry.KeyRequest, id))))
			return next(c)
		}
	}
}

// HTTP returns the http.Server for a handler, with the limits of this room.
func HTTP(handler http.Handler, out *slog.Logger) *http.Server {
	fold := telemetry.NewFold(out, "listener")
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(serverLog{out, fold}, "", 0),
		ConnState:         newBound(MaxConnections, fold).connState,
	}
}

// Ops serves health and metrics. It belongs on a listener of its own: it is not
// for the public. ready returns why the process should get no requests, or nil.
func Ops(ready func(context.Context) error, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready(r.Context()); err != nil {
			say(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		say(w, http.StatusOK, "ready")
	})
	mux.Handle("GET /metrics", metrics)
	return mux
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}
