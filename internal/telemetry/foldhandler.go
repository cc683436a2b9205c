package telemetry

import (
	"context"
	"log/slog"
	"time"
)

// foldHandler holds some lines back, as Fold does.
type foldHandler struct {
	slog.Handler
	key  func(slog.Record) (key string, fold bool)
	fold *Fold
}

// NewFoldHandler returns a handler that passes lines on to next. Of the lines with
// the same key, it passes only the first in 10 s, with how many it held back
// before. It is for lines that anybody can cause as often as they like. Keys must
// come from a small set. fold is false for a line that is never held back.
func NewFoldHandler(next slog.Handler, key func(slog.Record) (key string, fold bool)) slog.Handler {
	return foldHandler{next, key, &Fold{now: time.Now, seen: map[string]*foldedLine{}}}
}

// Handle implements slog.Handler.
func (h foldHandler) Handle(ctx context.Context, r slog.Record) error {
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
func (h foldHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return foldHandler{h.Handler.WithAttrs(attrs), h.key, h.fold}
}

// WithGroup implements slog.Handler.
func (h foldHandler) WithGroup(name string) slog.Handler {
	return foldHandler{h.Handler.WithGroup(name), h.key, h.fold}
}
