package targets_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/targets"
)

func TestMemo(t *testing.T) {
	t.Parallel()
	var m targets.Memo[int]
	calls := 0
	next := func(context.Context) (int, error) { calls++; return calls, nil }
	failing := func(context.Context) (int, error) { return 7, errors.New("no answer") }
	get := func(load func(context.Context) (int, error)) int {
		t.Helper()
		got, err := m.Get(t.Context(), load)
		require.NoError(t, err)
		return got
	}
	got, err := m.Get(t.Context(), failing)
	require.Error(t, err)
	require.Zero(t, got)
	require.Equal(t, 1, get(next), "an error is not remembered")
	require.Equal(t, 1, get(next), "what is known is not looked up")
	_, err = m.Renew(t.Context(), failing)
	require.Error(t, err)
	require.Equal(t, 1, get(next), "a failed look-up leaves what was known")
	got, err = m.Renew(t.Context(), next)
	require.NoError(t, err)
	require.Equal(t, 2, got)
	require.Equal(t, 2, get(next))
	m.Forget()
	require.Equal(t, 3, get(next))
}

func TestRemembered(t *testing.T) {
	t.Parallel()
	calls := 0
	r := targets.Remember(func(context.Context) (int, error) { calls++; return calls, nil })
	_, ok := r.Last()
	require.False(t, ok, "nothing is known yet")
	for _, want := range []int{1, 1} {
		got, err := r.Get(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := r.Renew(t.Context())
	require.NoError(t, err)
	last, ok := r.Last()
	require.True(t, ok)
	require.Equal(t, 2, last)
	r.Forget()
	_, ok = r.Last()
	require.False(t, ok)
}

func TestMemoTakesManyCallers(t *testing.T) {
	t.Parallel()
	var m targets.Memo[string]
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			got, err := m.Get(t.Context(), func(context.Context) (string, error) { return "found", nil })
			assert.Equal(t, "found", got, err)
			m.Forget()
		})
	}
	all.Wait()
}
