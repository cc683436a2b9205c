package connections

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
)

// Random orders of clicks, a worker, parking and waking. Whatever happens, a
// push is listed as parked exactly as long as its record says so, its time
// does not run meanwhile, and a repaired credential leaves nothing waiting.
func TestParkedPushes(t *testing.T) {
	ctx := context.Background()
	auth := Failure{Message: "The key was revoked.", Kind: "unauthorized"}
	parkedTimes, rejected := 0, 0
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			env := redistest.Mini(t)
			env.Advance(0)
			s := NewStore(env.Client, Timing{Deadline: time.Hour})
			dice := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // to be repeated
			var lease *Lease
			var task *Task
			take := func(w *Task, err error) {
				t.Helper()
				if err != nil {
					require.ErrorIs(t, err, ErrLost)
					return
				}
				if w != nil {
					task = w
				}
			}
			for range 40 {
				before, berr := s.Get(ctx, someKey)
				event := dice.IntN(10)
				switch event {
				case 0, 1:
					_, w, err := s.Push(ctx, someKey, somebody)
					take(w, err)
				case 2:
					_, w, err := s.RejectClick(ctx, someKey, somebody, auth)
					take(w, err)
				case 3:
					_, w, err := s.Unlink(ctx, someKey)
					take(w, err)
				case 4, 5:
					if task == nil {
						continue
					}
					l, err := s.Begin(ctx, someKey, task.Run)
					if err == nil && l != nil {
						lease, task = l, nil
					}
				case 6, 7:
					if lease == nil {
						continue
					}
					w, err := lease.Park(ctx, time.Minute, auth)
					if err == nil {
						parkedTimes++
					}
					take(w, err)
					lease = nil
				case 8:
					if lease == nil {
						continue
					}
					if lease.Record.Step == Open {
						require.NoError(t, ignoreLost(lease.Failed(ctx, auth)))
					}
					lease = nil
				case 9:
					woken, more, err := s.Wake(ctx, someKey.Tenant, someKey.Integration, 10)
					require.NoError(t, err)
					require.False(t, more)
					for _, w := range woken {
						task = &w
					}
					n, err := env.Client.ZCard(ctx, indexKey(someKey.Tenant, someKey.Integration, parked)).Result()
					require.NoError(t, err)
					require.Zero(t, n, "nothing is left waiting")
				}
				env.Advance(time.Duration(dice.IntN(3000)) * time.Millisecond)
				after, aerr := s.Get(ctx, someKey)
				if aerr != nil {
					continue
				}
				if event == 2 && berr == nil {
					rejected++
					if before.State == Progress {
						require.Equal(t, Progress, after.State, "a push under way stays so")
					} else {
						require.Equal(t, Failed, after.State)
						require.Equal(t, auth.Message, after.Failure.Message)
					}
				}
				if after.Parked != 0 && event != 9 {
					require.Zero(t, after.Deadline, "its time does not run")
					_, err := env.Client.ZScore(ctx, indexKey(someKey.Tenant, someKey.Integration, parked), someKey.Entity).Result()
					require.NoError(t, err, "it is found when the credential is repaired")
				}
				if after.Parked == 0 {
					n, err := env.Client.ZCard(ctx, indexKey(someKey.Tenant, someKey.Integration, parked)).Result()
					require.NoError(t, err)
					require.Zero(t, n, "nobody is listed who does not wait")
				}
			}
		})
	}
	require.Greater(t, parkedTimes, 20)
	require.Greater(t, rejected, 20)
}

func ignoreLost(err error) error {
	if Lost(err) {
		return nil
	}
	return err
}
