package telemetry

import (
	"context"
	"log/slog"
	"time"
)

// foldedHandler holds some lines back as Fold does.
type foldedHandler struct {
	slog.Handler
	key  func(slog.Record) (key string, fold bool)
	fold *Fold
}

// Folded makes a handler that passes lines on, of those for which key gives one
// only the first in 10 s, with the number of those held back: for what anybody
// can bring about as often as they like. Keys must come from a small set.
func Folded(next slog.Handler, key func(slog.Record) (key string, fold bool)) slog.Handler {
	return foldedHandler{next, key, &Fold{now: time.Now, seen: map[string]*folded{}}}
}

// Handle implements slog.Handler.
func (h foldedHandler) Handle(ctx context.Context, r slog.Record) error {
	if key, fold := h.key(r); fold {
		held, ok := h.fold.pass(key)
		if !ok {
			return nil
		}
		r = r.Clone()
		r.AddAttrs(slog.Int(KeyRepeated, held))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h foldedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return foldedHandler{h.Handler.WithAttrs(attrs), h.key, h.fold}
}

// WithGroup implements slog.Handler.
func (h foldedHandler) WithGroup(name string) slog.Handler {
	return foldedHandler{h.Handler.WithGroup(name), h.key, h.fold}
}
