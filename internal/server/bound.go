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

// MaxConnections is how many connections one listener keeps open. It is far
// below a process' usual limit of files, which Redis and the trackers need as
// well, and each takes some 20 kB.
const MaxConnections = 4096

// bound keeps the open connections of a server below a number. Beyond it a new
// one takes the place of the one that has rested for the longest: one that has
// sent nothing yet, or waits for its next request. One that is being answered
// is never closed, and if all are, the new one is.
type bound struct {
	most int
	fold *telemetry.Fold

	mu sync.Mutex
	// conns are the open ones, each with its place among the resting; nil: it
	// does not rest.
	conns   map[net.Conn]*list.Element
	resting *list.List // the longest first
}

func newBound(most int, fold *telemetry.Fold) *bound {
	return &bound{most: most, fold: fold, conns: map[net.Conn]*list.Element{}, resting: list.New()}
}

// changed is http.Server.ConnState.
func (b *bound) changed(c net.Conn, state http.ConnState) {
	over := b.track(c, state)
	if over == nil {
		return
	}
	_ = over.Close() // which is told here as well
	b.fold.Say(context.Background(), slog.LevelWarn, fmt.Sprintf("more than %d connections: those that rest for the longest are closed", b.most))
}

// track notes a connection's state, and gives one that has to be closed.
func (b *bound) track(c net.Conn, state http.ConnState) (over net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if place := b.conns[c]; place != nil {
		b.resting.Remove(place)
	}
	switch state {
	case http.StateNew:
		b.conns[c] = b.resting.PushBack(c)
		if len(b.conns) <= b.most {
			return nil
		}
		longest := b.resting.Front()
		over, _ = b.resting.Remove(longest).(net.Conn)
		b.conns[over] = nil
	case http.StateIdle:
		b.conns[c] = b.resting.PushBack(c)
	case http.StateActive:
		b.conns[c] = nil
	case http.StateHijacked, http.StateClosed:
		delete(b.conns, c)
	}
	return over
}

// serverLog takes what net/http says of itself: of what strangers do wrong as
// detail, and that no connection can be accepted, which concerns everybody, as
// a warning.
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
