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

// defaultBudget is what large texts and answers may take where the process has
// no limit of its own, in bytes.
const defaultBudget = 256 << 20

// What an item weighs while it becomes an issue, in bytes: its text in all the
// forms that it goes through, and what the parser makes of each of its tags.
// Both were measured with 512 kB of plain text and of nothing but tags.
const (
	textWeight = 8
	tagWeight  = 700
)

// newBudget makes the process' budget: as configured, else half of GOMEMLIMIT,
// which leaves the other half to what is always there and to garbage.
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

// admitted is a Performer whose runs hold what they take of the memory.
type admitted struct {
	jobs.Performer
	budget *memory.Budget
}

// Perform implements jobs.Performer.
func (a admitted) Perform(ctx context.Context, key connections.Key, run int64) error {
	ctx, end := a.budget.Begin(ctx, key.Tenant)
	defer end()
	return a.Performer.Perform(ctx, key, run)
}

// weighed is a session whose items are rendered only if there is memory for it.
type weighed struct{ *pbapi.Session }

// GetEntity implements actions.Productboard.
func (w weighed) GetEntity(ctx context.Context, id string, fields ...string) (pbapi.Entity, error) {
	e, err := w.Session.GetEntity(ctx, id, fields...)
	if err != nil {
		return pbapi.Entity{}, err
	}
	if err := memory.Take(ctx, rendering(e)); err != nil {
		return pbapi.Entity{}, err
	}
	return e, nil
}

// rendering is how much memory it takes to make an issue of an item.
func rendering(e pbapi.Entity) int64 {
	var weight int64
	for _, raw := range e.Fields {
		tags := bytes.Count(raw, []byte("<")) + bytes.Count(raw, []byte(`\u003c`)) + bytes.Count(raw, []byte(`\u003C`))
		weight += textWeight*int64(len(raw)) + tagWeight*int64(tags)
	}
	return weight
}
