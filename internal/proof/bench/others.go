package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"pushbutton/internal/app"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// otherTenants make the load beside a measured button. Each has a token of its
// own: we limit Productboard's calls by token.
const otherTenants = 30

// others clicks buttons of other tenants at a rate until stop is called.
func others(ctx context.Context, a *app.App, box *app.Sandbox, address string, rate float64) (stop func() error, err error) {
	if rate <= 0 {
		return func() error { return nil }, nil
	}
	declaration := register.Declaration{}
	for i := range otherTenants {
		token := "token-of-other-" + strconv.Itoa(i)
		box.Productboard.AddToken(pbfake.Token{Value: token})
		declaration.Tenants = append(declaration.Tenants, register.DesiredTenant{ID: "other" + strconv.Itoa(i), Integrations: []register.Desired{{Integration: tenants.Integration{
			Name: "other " + strconv.Itoa(i), ButtonLabel: "Push", Productboard: tenants.APIToken(secret.New(token)), Answer: tenants.AnswerV2,
			Target: tenants.TargetConfig{Type: "memory", Settings: map[string]any{"url": address + "/others/tracker", "project": app.SandboxProject},
				Credentials: map[string]secret.String{"apiKey": secret.New(app.SandboxTrackerKey)}},
		}}}})
	}
	if _, err := a.Registrar().Apply(ctx, declaration); err != nil {
		return nil, err
	}
	var columns []string
	for _, in := range box.Productboard.Integrations() {
		if in.Name != "bench" {
			columns = append(columns, in.ID)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	var mu sync.Mutex
	var failed error
	group.Go(func() {
		tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
		defer tick.Stop()
		for _, e := range box.Productboard.Entities() {
			for _, column := range columns {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				group.Go(func() {
					_, err := box.Productboard.Click(ctx, column, e.ID, pbfake.Push, pbfake.User{Name: "Joe", Email: "joe@example.com"})
					if err != nil && ctx.Err() == nil {
						mu.Lock()
						failed = err
						mu.Unlock()
					}
				})
			}
		}
	})
	return func() error {
		cancel()
		group.Wait()
		return failed
	}, nil
}

func integrationOf(box *app.Sandbox, name string) (string, error) {
	for _, in := range box.Productboard.Integrations() {
		if in.Name == name {
			return in.ID, nil
		}
	}
	return "", errors.New("Productboard has no integration " + fmt.Sprintf("%q", name))
}
