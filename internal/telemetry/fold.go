package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// foldFor is how long a repeated line is held back.
	foldFor = 10 * time.Second
	// foldBy is how many bytes of two lines must be equal for them to be the same.
	foldBy = 40
	// maxFolded bounds the lines that are remembered.
	maxFolded = 100
)

// Fold logs each text at most once in 10 s, with how often it was held back. It
// is for libraries, and for places that fail for everybody at once: while Redis
// is away, a library logs every failed dial, several times a second. It is safe
// for concurrent use.
type Fold struct {
	log *slog.Logger
	now func() time.Time

	mu   sync.Mutex
	seen map[string]*foldedLine
}

// foldedLine is when a text was last logged, and how often it was held back since.
type foldedLine struct {
	last time.Time
	held int
}

// NewFold returns a Fold for the lines of a library or place, which they name.
func NewFold(log *slog.Logger, library string) *Fold {
	return &Fold{log: log.With(KeyFrom, library), now: time.Now, seen: map[string]*foldedLine{}}
}

// Say logs a line, or holds it back.
func (f *Fold) Say(ctx context.Context, level slog.Level, text string) {
	if held, ok := f.pass(text[:min(len(text), foldBy)]); ok {
		f.log.Log(ctx, level, text, KeyRepeated, held)
	}
}

// pass reports whether a line with the key is to be logged now, and how many were
// held back before it.
func (f *Fold) pass(key string) (held int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	line := f.seen[key]
	if line == nil {
		if len(f.seen) >= maxFolded {
			clear(f.seen)
		}
		line = &foldedLine{}
		f.seen[key] = line
	}
	now := f.now()
	if now.Sub(line.last) < foldFor {
		line.held++
		return 0, false
	}
	held, line.held = line.held, 0
	line.last = now
	return held, true
}
