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
	// foldBy is how much of a line, in bytes, makes it the same as another.
	foldBy = 40
	// maxFolded bounds the lines that are remembered.
	maxFolded = 100
)

// Fold passes the lines of a library, or of a place that fails for everybody
// at once, on, each text at most once in 10 s, with the
// number of those held back: libraries tell of every failed dial, several
// times a second while Redis is away. It is safe for concurrent use.
type Fold struct {
	log *slog.Logger
	now func() time.Time

	mu   sync.Mutex
	seen map[string]*folded
}

type folded struct {
	last time.Time
	held int
}

// NewFold makes a Fold for the lines of a library or place, which they name.
func NewFold(log *slog.Logger, library string) *Fold {
	return &Fold{log: log.With(KeyFrom, library), now: time.Now, seen: map[string]*folded{}}
}

// Say passes a line on, or holds it back.
func (f *Fold) Say(ctx context.Context, level slog.Level, text string) {
	if held, ok := f.pass(text[:min(len(text), foldBy)]); ok {
		f.log.Log(ctx, level, text, KeyRepeated, held)
	}
}

func (f *Fold) pass(key string) (held int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	line := f.seen[key]
	if line == nil {
		if len(f.seen) >= maxFolded {
			clear(f.seen)
		}
		line = &folded{}
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
