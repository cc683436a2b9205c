package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"pushbutton/internal/proof/e2e/fixture"
)

// pool is the processes of one role.
type pool struct {
	slots []*slot

	mu      sync.Mutex
	changed chan struct{}
}

// slot is one process of a role, through all its lives.
type slot struct {
	role, name, listen string
	away               bool // pool.mu

	mu sync.Mutex
	p  *fixture.Plugin
}

func newPool(ctx context.Context, w *world, role string, n int) (*pool, error) {
	p := &pool{changed: make(chan struct{})}
	for i := range n {
		s := &slot{role: role, name: fmt.Sprintf("%s-%d", role, i+1)}
		started, err := w.launch(ctx, s)
		if err != nil {
			return nil, err
		}
		s.set(started)
		if role == fixture.RoleAPI {
			s.listen = started.Listen
		}
		p.slots = append(p.slots, s)
	}
	return p, nil
}

func (s *slot) plugin() *fixture.Plugin {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.p
}

func (s *slot) set(p *fixture.Plugin) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p = p
}

func (p *pool) plugins() []*fixture.Plugin {
	var out []*fixture.Plugin
	for _, s := range p.slots {
		out = append(out, s.plugin())
	}
	return out
}

// take picks a process to do something to. It waits while that would leave
// none.
func (p *pool) take(ctx context.Context, first int) (*slot, error) {
	for {
		p.mu.Lock()
		changed, up := p.changed, 0
		var pick *slot
		for i := range p.slots {
			s := p.slots[(first+i)%len(p.slots)]
			if s.away {
				continue
			}
			up++
			if pick == nil {
				pick = s
			}
		}
		if up > 1 {
			pick.away = true
			p.mu.Unlock()
			return pick, nil
		}
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// give puts a process back.
func (p *pool) give(s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.away = false
	close(p.changed)
	p.changed = make(chan struct{})
}

// restart starts a process again, under its old name and address. It may have
// to wait for Redis: the plugin does not start without.
func (w *world) restart(ctx context.Context, s *slot) error {
	deadline := time.Now().Add(startLimit)
	for {
		p, err := w.launch(ctx, s)
		if err == nil {
			s.set(p)
			return nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		if err := pause(ctx, 300*time.Millisecond); err != nil {
			return err
		}
	}
}

func (w *world) launch(ctx context.Context, s *slot) (*fixture.Plugin, error) {
	settings := w.settings()
	if s.listen != "" {
		settings["PLUGIN_LISTEN"] = s.listen
	}
	return w.fixture.Plugin(ctx, s.role, s.name, settings)
}
