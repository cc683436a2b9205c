package redistest

import (
	"context"
	"net"
	"sync"
	"testing"
)

// Link passes TCP connections on to a server, and can fall silent as a
// network does: what was sent stays on the way, and neither side learns of it.
type Link struct {
	ln     net.Listener
	target string

	mu     sync.Mutex
	silent bool
	turned chan struct{} // closed when silent changes
	conns  map[net.Conn]struct{}
	group  sync.WaitGroup
}

func newLink(tb testing.TB, target string) *Link {
	tb.Helper()
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	l := &Link{ln: ln, target: target, turned: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	l.group.Go(l.accept)
	tb.Cleanup(func() {
		_ = ln.Close()
		l.Cut()
		l.group.Wait()
	})
	return l
}

// Addr is where it listens.
func (l *Link) Addr() string { return l.ln.Addr().String() }

// Silence keeps everything on the way from now on.
func (l *Link) Silence() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = true
}

// Cut ends all connections; what is on the way is lost.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		_ = c.Close()
	}
	if l.silent {
		l.silent = false
		close(l.turned)
		l.turned = make(chan struct{})
	}
}

func (l *Link) accept() {
	for {
		in, err := l.ln.Accept()
		if err != nil {
			return
		}
		out, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", l.target)
		if err != nil {
			_ = in.Close()
			continue
		}
		l.mu.Lock()
		l.conns[in], l.conns[out] = struct{}{}, struct{}{}
		l.mu.Unlock()
		l.group.Go(func() { l.pass(in, out) })
		l.group.Go(func() { l.pass(out, in) })
	}
}

func (l *Link) pass(from, to net.Conn) {
	defer func() {
		_, _ = from.Close(), to.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, from)
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		l.mu.Lock()
		silent, turned := l.silent, l.turned
		l.mu.Unlock()
		if silent {
			<-turned
			return
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}
