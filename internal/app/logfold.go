package app

import (
	"log/slog"
	"slices"

	"pushbutton/internal/fault"
	"pushbutton/internal/telemetry"
)

// publicLog returns the log of the public handler. It folds the lines that anybody
// can cause without a credential.
func publicLog(log *slog.Logger) *slog.Logger {
	return slog.New(telemetry.NewFoldHandler(log.Handler(), unauthenticated))
}

// unauthenticated finds the lines about callers who were not authenticated.
func unauthenticated(r slog.Record) (key string, fold bool) {
	const action, token = "action", "invalid token"
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
