package hooks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"pushbutton/internal/fault"
	"pushbutton/internal/limits/memory"
	"pushbutton/internal/targets"
	"pushbutton/internal/telemetry"
)

// The names of the parts of an address, as the routes have them.
const (
	ParamIntegration = "integration"
	ParamToken       = "token"
	ParamKind        = "kind"
)

// request is a webhook whose body was not read yet.
type request struct {
	r *http.Request
	w http.ResponseWriter
	// url is where the tracker has sent it, whatever stands in front of the plugin.
	url string
}

func (r *Receiver) request(c echo.Context, path ...string) request {
	return request{c.Request(), c.Response(), r.opts.PublicURL + Path + strings.Join(path, "/")}
}

// Handler serves the addresses of integrations. No answer has a body.
func (r *Receiver) Handler() echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		ctx, cancel := context.WithTimeout(c.Request().Context(), answerTimeout)
		defer cancel()
		id, token := c.Param(ParamIntegration), c.Param(ParamToken)
		in, a := r.receive(ctx, id, token, r.request(c, id, token))
		attrs := []slog.Attr{slog.String(telemetry.KeyTenant, in.Tenant), slog.String(telemetry.KeyIntegration, in.ID)}
		return r.send(ctx, c, in.Target.Type, attrs, a, start)
	}
}

// Shared serves the addresses of apps' shared webhooks. No answer has a body.
func (r *Receiver) Shared() echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		ctx, cancel := context.WithTimeout(c.Request().Context(), answerTimeout)
		defer cancel()
		kind := c.Param(ParamKind)
		target, a := r.receiveShared(ctx, kind, r.request(c, kind))
		return r.send(ctx, c, target, nil, a, start)
	}
}

func (r *Receiver) send(ctx context.Context, c echo.Context, target string, attrs []slog.Attr, a answer, start time.Time) error {
	took := time.Since(start)
	level := slog.LevelDebug
	switch a.outcome {
	case Refused, Invalid, Busy, Failed:
		level = slog.LevelWarn
	case Taken, Replay, Ignored, Handshake:
	}
	attrs = append(attrs, slog.String(telemetry.KeyTarget, target), slog.String(telemetry.KeyOutcome, string(a.outcome)))
	if a.err != nil {
		// Only its kind: an error may quote what came in.
		attrs = append(attrs, slog.String(telemetry.KeyReason, fault.KindOf(a.err).String()))
	}
	r.log.LogAttrs(ctx, level, "webhook "+string(a.outcome), attrs...)
	if r.opts.Observe != nil {
		r.opts.Observe(target, a.outcome, took)
	}
	for name, values := range a.header {
		c.Response().Header()[http.CanonicalHeaderKey(name)] = values
	}
	return c.NoContent(a.status)
}

// read reads a body, within the bounds of its owner. refusal is set if it does not
// fit. Otherwise end releases what it takes.
func (r *Receiver) read(ctx context.Context, tenant, owner string, most int, req request) (h targets.Hook, end func(), refusal *answer) {
	refuse := func(a answer) (targets.Hook, func(), *answer) { return targets.Hook{}, nil, &a }
	if coding := req.r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		// Trackers send plain text, and a small body may unpack to any size.
		return refuse(answer{status: http.StatusUnsupportedMediaType, outcome: Invalid})
	}
	size := req.r.ContentLength
	if size > targets.MaxHook {
		return refuse(answer{status: http.StatusRequestEntityTooLarge, outcome: Invalid})
	}
	if size < 0 {
		size = targets.MaxHook // it does not say
	}
	if !r.bodies.begin(owner, most) {
		return refuse(busy(nil))
	}
	ctx, give := r.budget.Begin(ctx, tenant)
	end = func() {
		give()
		r.bodies.end(owner)
	}
	mctx, cancel := context.WithTimeout(ctx, memoryTimeout)
	defer cancel()
	if err := memory.Take(mctx, weight*size); err != nil {
		end()
		return refuse(busy(err))
	}
	body, err := readBody(req, size)
	if err != nil {
		end()
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return refuse(answer{status: http.StatusRequestEntityTooLarge, outcome: Invalid})
		}
		return refuse(invalid(err))
	}
	return targets.Hook{Header: req.r.Header, Body: body, URL: req.url, Now: r.opts.Now()}, end, nil
}

func readBody(req request, size int64) ([]byte, error) {
	// A recorder has no deadline; a connection does.
	_ = http.NewResponseController(req.w).SetReadDeadline(time.Now().Add(bodyTimeout))
	body := make([]byte, 0, min(size, 64<<10)+1)
	in := http.MaxBytesReader(req.w, req.r.Body, targets.MaxHook)
	for {
		n, err := in.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read webhook: %w", err)
		}
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
}

// bodies counts the bodies that are being read, by their owner.
type bodies struct {
	mu      sync.Mutex
	reading map[string]int
}

func (b *bodies) begin(owner string, most int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reading[owner] >= most {
		return false
	}
	b.reading[owner]++
	return true
}

func (b *bodies) end(owner string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reading[owner]--; b.reading[owner] <= 0 {
		delete(b.reading, owner)
	}
}
