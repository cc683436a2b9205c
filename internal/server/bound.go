package server

import (
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"

	"pushbutton/internal/telemetry"
)

// MaxConnections is how many connections one listener keeps open. Each takes some
// 20 kB. It is far below a process' usual limit of files, which Redis and the
// trackers need as well.
const MaxConnections = 4096

// bound limits the open connections of a server. Beyond the limit a new one takes
// the place of the one that has been idle longest: one that has sent nothing yet,
// or waits for its next request. A connection with a request under way is never
// closed. If all have one, the new connection is closed.
type bound struct {
	most int
	fold *telemetry.Fold

	mu sync.Mutex
	// conns are the open connections, each with its place among the idle ones;
	// nil: it is not idle.
	conns map[net.Conn]*list.Element
	idle  *list.List // the longest first
}

func newBound(most int, fold *telemetry.Fold) *bound {
	return &bound{most: most, fold: fold, conns: map[net.Conn]*list.Element{}, idle: list.New()}
}

// connState is http.Server.ConnState.
func (b *bound) connState(c net.Conn, state http.ConnState) {
	over := b.track(c, state)
	if over == nil {
		return
	}
	_ = over.Close() // which calls connState as well
	b.fold.Say(context.Background(), slog.LevelWarn, fmt.Sprintf("more than %d connections: those that are idle longest are closed", b.most))
}

// track notes a connection's state, and returns one that has to be closed.
func (b *bound) track(c net.Conn, state http.ConnState) (over net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if place := b.conns[c]; place != nil {
		b.idle.Remove(place)
	}
	switch state {
	case http.StateNew:
		b.conns[c] = b.idle.PushBack(c)
		if len(b.conns) <= b.most {
			return nil
		}
		longest := b.idle.Front()
		over, _ = b.idle.Remove(longest).(net.Conn)
		b.conns[over] = nil
	case http.StateIdle:
		b.conns[c] = b.idle.PushBack(c)
	case http.StateActive:
		b.conns[c] = nil
	case http.StateHijacked, http.StateClosed:
		delete(b.conns, c)
	}
	return over
}

// serverLog logs the lines of net/http. That no connection can be accepted
// concerns everybody and is a warning. The mistakes of clients are debug lines.
type serverLog struct {
	log  *slog.Logger
	fold *telemetry.Fold
}

// Write implements io.Writer for log.Logger: one call is one line.
func (l serverLog) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	if strings.HasPrefix(text, "http: Accept error") {
		l.fold.Say(context.Background(), slog.LevelWarn, text)
	} else {
		l.log.DebugContext(context.Background(), text)
	}
	return len(p), nil
}
