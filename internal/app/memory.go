package app

import (
	"bytes"
	"context"
	"math"
	"runtime/debug"

	"pushbutton/config"
	"pushbutton/internal/connections"
	"pushbutton/internal/jobs"
	"pushbutton/internal/limits/memory"
	"pushbutton/internal/pbapi"
)

// defaultBudget is the memory for large texts and answers where the process has no
// limit of its own, in bytes.
const defaultBudget = 256 << 20

// The memory that an item takes while it becomes an issue, in bytes: for its text
// in all the forms that it goes through, and for each tag once parsed. Both were
// measured, with 512 kB of plain text and with 512 kB of nothing but tags.
const (
	textWeight = 8
	tagWeight  = 700
)

// newBudget returns the process' budget: as configured, or else half of
// GOMEMLIMIT. The other half is for everything that is always there, and for
// garbage.
func newBudget(cfg config.Config) *memory.Budget {
	total := cfg.MemoryBudget
	if limit := debug.SetMemoryLimit(-1); total == 0 && limit < math.MaxInt64 {
		total = limit / 2
	}
	if total == 0 {
		total = defaultBudget
	}
	return memory.NewBudget(total)
}

// memoryPerformer is a Performer whose runs take their memory from a budget.
type memoryPerformer struct {
	jobs.Performer
	budget *memory.Budget
}

// Perform implements jobs.Performer.
func (a memoryPerformer) Perform(ctx context.Context, key connections.Key, run int64) error {
	ctx, end := a.budget.Begin(ctx, key.Tenant)
	defer end()
	return a.Performer.Perform(ctx, key, run)
}

// memorySession is a session that takes memory for rendering each item that it
// reads.
type memorySession struct{ *pbapi.Session }

// GetEntity implements actions.Productboard.
func (w memorySession) GetEntity(ctx context.Context, id string, fields ...string) (pbapi.Entity, error) {
	e, err := w.Session.GetEntity(ctx, id, fields...)
	if err != nil {
		return pbapi.Entity{}, err
	}
	if err := memory.Take(ctx, rendering(e)); err != nil {
		return pbapi.Entity{}, err
	}
	return e, nil
}

// rendering returns how much memory it takes to turn an item into an issue.
func rendering(e pbapi.Entity) int64 {
	var weight int64
	for _, raw := range e.Fields {
		tags := bytes.Count(raw, []byte("<")) + bytes.Count(raw, []byte(`\u003c`)) + bytes.Count(raw, []byte(`\u003C`))
		weight += textWeight*int64(len(raw)) + tagWeight*int64(tags)
	}
	return weight
}
