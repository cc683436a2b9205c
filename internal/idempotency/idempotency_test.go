package idempotency_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/idempotency"
	"pushbutton/internal/redistest"
)

func TestOneRequestOneAnswer(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := idempotency.New(env.Client)
		begin := func(scope, key, body string) (*idempotency.Claim, *idempotency.Answer, error) {
			return s.Begin(t.Context(), scope, key, []byte(body), time.Minute)
		}
		claim, earlier, err := begin("jane", "k", "body")
		require.NoError(t, err)
		require.Nil(t, earlier)
		_, _, err = begin("jane", "k", "body")
		require.ErrorIs(t, err, idempotency.ErrRunning)
		require.ErrorIs(t, err, fault.Conflict)
		_, _, err = begin("jane", "k", "other")
		require.ErrorIs(t, err, idempotency.ErrReused)
		other, _, err := begin("john", "k", "other")
		require.NoError(t, err, "another caller's key is another key")
		require.NoError(t, other.Release(t.Context()))

		want := idempotency.Answer{Status: 201, Header: map[string]string{"ETag": `"1"`}, Body: []byte("{}")}
		require.NoError(t, claim.Done(t.Context(), want))
		_, earlier, err = begin("jane", "k", "body")
		require.NoError(t, err)
		require.Equal(t, want, *earlier)
		_, _, err = begin("jane", "k", "other")
		require.ErrorIs(t, err, idempotency.ErrReused)
		require.NoError(t, claim.Release(t.Context()), "a claim that is over changes nothing")
		_, earlier, err = begin("jane", "k", "body")
		require.NoError(t, err)
		require.NotNil(t, earlier)
	})
}

// A request that came to nothing, or whose process died, may be sent again.
func TestAKeyComesFree(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := idempotency.New(env.Client)
		first, _, err := s.Begin(t.Context(), "jane", "k", nil, time.Minute)
		require.NoError(t, err)
		require.NoError(t, first.Release(t.Context()))
		dead, _, err := s.Begin(t.Context(), "jane", "k", nil, time.Minute)
		require.NoError(t, err)
		require.NotNil(t, dead)

		env.Advance(2 * time.Minute)
		next, earlier, err := s.Begin(t.Context(), "jane", "k", nil, time.Minute)
		require.NoError(t, err)
		require.Nil(t, earlier)
		require.NoError(t, dead.Done(t.Context(), idempotency.Answer{Status: 201}))
		_, _, err = s.Begin(t.Context(), "jane", "k", nil, time.Minute)
		require.ErrorIs(t, err, idempotency.ErrRunning, "who lost the claim answers for nobody")
		require.NoError(t, next.Done(t.Context(), idempotency.Answer{Status: 200}))
		env.Advance(idempotency.Keep + time.Second)
		_, earlier, err = s.Begin(t.Context(), "jane", "k", nil, time.Minute)
		require.NoError(t, err)
		require.Nil(t, earlier, "forgotten after Keep")
	})
}
