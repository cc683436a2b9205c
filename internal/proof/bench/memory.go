package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"

	"github.com/google/uuid"

	"pushbutton/internal/connections"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

// memory measures what queued pushes and idle connections cost in Redis.
func memory(ctx context.Context, o options, server *redisServer, log *slog.Logger, out io.Writer) error {
	if err := server.client.FlushAll(ctx).Err(); err != nil {
		return err
	}
	ours, err := newOurs(ctx, server, log)
	if err != nil {
		return err
	}
	defer ours.close()
	ours.call(ctx) // what the first one makes is not counted
	before, err := costsOf(ctx, server.client)
	if err != nil {
		return err
	}
	for range o.queued {
		if !ours.call(ctx) {
			return errors.New("a click was not answered with 200")
		}
	}
	if _, err := server.queued(ctx); err != nil {
		return err
	}
	after, err := costsOf(ctx, server.client)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "memory of Redis\n  %-34s %.2f MB (record, index, rescuer, history, task)\n", "1,000 queued pushes", float64(after.memory-before.memory)/float64(o.queued)*1000/1e6)
	if err := server.client.FlushAll(ctx).Err(); err != nil {
		return err
	}
	each, err := idleBytes(ctx, server, o.stored)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "  %-34s %.0f bytes each (goal: at most 600)\n\n", fmt.Sprintf("%d idle connections", o.stored), each)
	return nil
}

// idleBytes stores connections as pushes leave them, without their histories,
// which expire.
func idleBytes(ctx context.Context, server *redisServer, n int) (float64, error) {
	store := connections.NewStore(server.client, connections.Timing{})
	before, err := costsOf(ctx, server.client)
	if err != nil {
		return 0, err
	}
	const batch = 1000
	integration := tenants.NewID()
	for from := 0; from < n; from += batch {
		entries := make([]connections.Entry, min(batch, n-from))
		for i := range entries {
			entries[i] = idleEntry(integration, from+i)
		}
		if err := store.Import(ctx, entries); err != nil {
			return 0, err
		}
	}
	after, err := costsOf(ctx, server.client)
	return float64(after.memory-before.memory) / float64(n), err
}

func idleEntry(integration string, i int) connections.Entry {
	number, at := strconv.Itoa(10_000+i), int64(1_764_000_000_000+i)
	return connections.Entry{
		Key: connections.Key{Tenant: benchTenant, Integration: integration, Entity: uuid.NewString()}, Changed: time.UnixMilli(at),
		Record: connections.Record{State: connections.Connected, Generation: 1, Epoch: 1, Run: 3,
			Click: connections.Click{At: at, Name: "Jane Margaret Doe", Email: "jane.doe@acme-corporation.example"},
			Issue: &targets.Issue{ID: number, Key: "PROJ-" + number, URL: "https://acme-corporation.atlassian.net/browse/PROJ-" + number,
				Title: "Customers can export report " + number + " as a spreadsheet", Status: "To Do", Progress: targets.Open}},
	}
}
