package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hibiken/asynq"
)

// foldFor is how long a repeated line of Asynq is held back: it reports every
// failed dial, several times a second while Redis is away.
const foldFor = 10 * time.Second

// asynqLog passes Asynq's lines on, each text at most once per foldFor, with
// the number of those held back.
type asynqLog struct {
	log *slog.Logger

	mu   sync.Mutex
	seen map[string]*folded
}

type folded struct {
	last time.Time
	held int
}

var _ asynq.Logger = (*asynqLog)(nil)

func newAsynqLog(log *slog.Logger) *asynqLog {
	return &asynqLog{log: log.With("from", "asynq"), seen: map[string]*folded{}}
}

func (l *asynqLog) Debug(args ...any) {}
func (l *asynqLog) Info(args ...any)  {}
func (l *asynqLog) Warn(args ...any)  { l.say(slog.LevelWarn, args) }
func (l *asynqLog) Error(args ...any) { l.say(slog.LevelError, args) }

// Fatal does not end the process, unlike Asynq's own logger: that is main's.
func (l *asynqLog) Fatal(args ...any) { l.say(slog.LevelError, args) }

func (l *asynqLog) say(level slog.Level, args []any) {
	text := fmt.Sprint(args...)
	key := text[:min(len(text), 40)]
	l.mu.Lock()
	f := l.seen[key]
	if f == nil {
		if len(l.seen) > 100 {
			clear(l.seen)
		}
		f = &folded{}
		l.seen[key] = f
	}
	if time.Since(f.last) < foldFor {
		f.held++
		l.mu.Unlock()
		return
	}
	held := f.held
	f.last, f.held = time.Now(), 0
	l.mu.Unlock()
	l.log.Log(context.Background(), level, text, "repeated", held)
}
