package app

import (
	"context"
	"log/slog"
	"time"

	"pushbutton/internal/hooks"
	"pushbutton/internal/refresh"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/catalog"
)

// hooks returns the receiver of trackers' webhooks.
func (a *App) hooks(log *slog.Logger) *hooks.Receiver {
	return hooks.NewReceiver(a.cache, a.tenants, a.peers, hintKeeper{refresh.NewHints(a.rdb)}, a.memory, log, &hooks.ReceiverOptions{
		PublicURL: a.cfg.PublicURL, Routes: hooks.NewRoutes(a.rdb), Kinds: catalog.Kinds(),
		Shared: map[string]secret.String{"github": a.cfg.GitHubAppHookSecret},
		Observe: func(target string, outcome hooks.Outcome, took time.Duration) {
			a.metrics.Hook(target, string(outcome), took)
		},
	})
}

// hintKeeper has the hints of webhooks kept for those who read issues back.
type hintKeeper struct{ hints *refresh.Hints }

// Add implements hooks.Hints.
func (k hintKeeper) Add(ctx context.Context, h hooks.Hint) (replay bool, err error) {
	added, err := k.hints.Add(ctx, refresh.Hint(h))
	return added.Replay, err
}
