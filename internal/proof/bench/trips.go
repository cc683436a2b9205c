package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pushbutton/internal/app"
	"pushbutton/internal/pbapi/pbfake"
)

// tripsClicks is how many pushes the round trips are counted over.
const tripsClicks = 20

// toll passes connections on to Redis and counts what is sent to it: our
// client writes each command, and each pipeline, at once, and waits.
type toll struct {
	ln    net.Listener
	to    string // a Unix socket
	count atomic.Int64
	group sync.WaitGroup
}

func newToll(ctx context.Context, to string) (*toll, string, func(), error) {
	dir, err := os.MkdirTemp("", "bench-toll")
	if err != nil {
		return nil, "", nil, err
	}
	socket := filepath.Join(dir, "toll.sock")
	ln, err := (&net.ListenConfig{}).Listen(ctx, "unix", socket)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, "", nil, err
	}
	t := &toll{ln: ln, to: to}
	t.group.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			t.group.Go(func() { t.pass(ctx, c) })
		}
	})
	return t, "unix://" + socket, func() { _ = ln.Close(); t.group.Wait(); _ = os.RemoveAll(dir) }, nil
}

func (t *toll) pass(ctx context.Context, c net.Conn) {
	defer func() { _ = c.Close() }()
	server, err := (&net.Dialer{}).DialContext(ctx, "unix", t.to)
	if err != nil {
		return
	}
	go func() { _, _ = io.Copy(c, server); _ = c.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Read(buf)
		if n > 0 {
			t.count.Add(1)
			if _, err := server.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = server.Close()
}

// roundTrips counts what a push asks of Redis, from the click to the end of its
// reading back, beyond what the same process asks at rest.
func roundTrips(ctx context.Context, o options, server *redisServer, log *slog.Logger, out io.Writer) error {
	socket := strings.TrimPrefix(server.url, "unix://")
	if err := server.client.FlushAll(ctx).Err(); err != nil {
		return err
	}
	t, url, end, err := newToll(ctx, socket)
	if err != nil {
		return err
	}
	defer end()
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with its server
	if err != nil {
		return err
	}
	address := "http://" + ln.Addr().String()
	box := app.NewSandbox(address, 2*tripsClicks, 1)
	defer box.Close()
	watch := &stopwatch{next: box.Handler()}
	peers := &http.Server{Handler: watch, ReadHeaderTimeout: time.Second}
	go func() { _ = peers.Serve(ln) }()
	defer func() { _ = peers.Close() }()
	cfg, err := settings(&redisServer{url: url}, address+"/v2")
	if err != nil {
		return err
	}
	plugin, err := launch(ctx, cfg, app.Roles{API: true, Worker: true}, log)
	if err != nil {
		return err
	}
	err = register1(ctx, plugin.app, box, address, plugin.front)
	if err == nil {
		err = countTrips(ctx, o, t, watch, box, server, out)
	}
	return errors.Join(err, plugin.stop())
}

func countTrips(ctx context.Context, o options, t *toll, watch *stopwatch, box *app.Sandbox, server *redisServer, out io.Writer) error {
	entities := box.Productboard.Entities()
	// The first ones make connections and load scripts.
	if err := clickAll(ctx, box, entities[:tripsClicks], server); err != nil {
		return err
	}
	start, before := time.Now(), t.count.Load()
	if err := wait(ctx, o.rest); err != nil {
		return err
	}
	rest := float64(t.count.Load()-before) / time.Since(start).Seconds()
	watch.take()
	start, before = time.Now(), t.count.Load()
	if err := clickAll(ctx, box, entities[tripsClicks:], server); err != nil {
		return err
	}
	trips := float64(t.count.Load()-before) - rest*time.Since(start).Seconds()
	_, calls := watch.take()
	fmt.Fprintf(out, "a push on the happy path, to the end of its reading back (mean of %d)\n  %-34s %.2f (goal: at most 4)\n  %-34s %.1f (beyond the %.0f/s of the process at rest)\n\n",
		tripsClicks, "HTTP calls", float64(calls)/tripsClicks, "Redis round trips", trips/tripsClicks, rest)
	return nil
}

// clickAll clicks one button after the other, and waits until nothing is left
// to do for any.
func clickAll(ctx context.Context, box *app.Sandbox, entities []pbfake.Entity, server *redisServer) error {
	integration, err := integrationOf(box, "bench")
	if err != nil {
		return err
	}
	events, stop := box.Productboard.Subscribe()
	defer stop()
	for _, e := range entities {
		if _, err := box.Productboard.Click(ctx, integration, e.ID, pbfake.Push, pbfake.User{Name: "Jane", Email: "jane@example.com"}); err != nil {
			return err
		}
		if err := connected(ctx, box, events, integration, e.ID); err != nil {
			return err
		}
	}
	return soakWait(ctx, server.client)
}
