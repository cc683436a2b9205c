package app

import (
	"log/slog"
	"slices"

	"pushbutton/internal/fault"
	"pushbutton/internal/telemetry"
)

// strangersFolded is the log of the public handler: what somebody without a
// credential brings about is told once in a while, with how often it was.
func strangersFolded(log *slog.Logger) *slog.Logger {
	return slog.New(telemetry.Folded(log.Handler(), strangers))
}

// strangers tells the lines about callers who did not prove who they are.
func strangers(r slog.Record) (key string, fold bool) {
	const action, token = "action", "token refused"
	switch r.Message {
	case token:
		return token, true
	case action:
	default:
		return "", false
	}
	refusals := []string{fault.Unauthorized.String(), fault.NotFound.String()}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == telemetry.KeyOutcome && slices.Contains(refusals, a.Value.String()) {
			key, fold = action+" "+a.Value.String(), true
		}
		return !fold
	})
	return key, fold
}
