package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// forged is a violation of a run with -refresh: a webhook was taken that is not the
// tracker's.
const forged = "forged"

// guessEvery is how often somebody guesses the address of a webhook.
const guessEvery = 200 * time.Millisecond

// guess sends webhooks to addresses that it makes up, until the context ends.
func (f *followed) guess(ctx context.Context) {
	for n := 0; pause(ctx, guessEvery) == nil; n++ {
		apis := f.apis.plugins()
		address := fmt.Sprintf("http://%s/hooks/%s/%032d", apis[n%len(apis)].Listen, f.own[n%len(f.own)], n)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(`{"change":"deleted","issue":{"id":"1"}}`))
		if err != nil {
			f.say("%v", err)
			return
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue // that process is away
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		f.mu.Lock()
		f.guesses[resp.StatusCode]++
		f.mu.Unlock()
	}
}

// hookFigures reads what became of webhooks, and finds forged ones that were taken.
func (f *followed) hookFigures(ctx context.Context, figures *refreshFigures) ([]violation, error) {
	if !f.opts.Hooks {
		return nil, nil
	}
	var err error
	if figures.Hooks, err = f.sandbox.HookStats(ctx); err != nil {
		return nil, err
	}
	var out []violation
	for answer, n := range figures.Hooks.ForgedAnswers {
		if strings.HasPrefix(answer, "2") {
			out = append(out, violation{Kind: forged, Detail: fmt.Sprintf("%d webhooks with a wrong signature were answered with %s", n, answer)})
		}
	}
	for status, n := range figures.Guesses {
		if status < http.StatusMultipleChoices {
			out = append(out, violation{Kind: forged, Detail: fmt.Sprintf("%d webhooks to made-up addresses were answered with %d", n, status)})
		}
	}
	if figures.Hooks.Delivered == 0 {
		out = append(out, violation{Kind: wrong, Detail: "no webhook was taken at all"})
	}
	return out, nil
}
