package jobs

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/hibiken/asynq"

	"pushbutton/internal/telemetry"
)

// asynqLog passes Asynq's warnings and errors on, folded.
type asynqLog struct{ fold *telemetry.Fold }

var _ asynq.Logger = asynqLog{}

func newAsynqLog(log *slog.Logger) asynqLog { return asynqLog{telemetry.NewFold(log, "asynq")} }

func (l asynqLog) Debug(...any)     {}
func (l asynqLog) Info(...any)      {}
func (l asynqLog) Warn(args ...any) { l.say(slog.LevelWarn, args) }

func (l asynqLog) Error(args ...any) { l.say(slog.LevelError, args) }

// Fatal does not end the process, unlike Asynq's own logger: that is main's.
func (l asynqLog) Fatal(args ...any) { l.say(slog.LevelError, args) }

func (l asynqLog) say(level slog.Level, args []any) {
	l.fold.Say(context.Background(), level, fmt.Sprint(args...))
}
