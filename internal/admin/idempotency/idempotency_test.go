package idempotency_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin/idempotency"
	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
)

func jane() idempotency.Scope { return idempotency.Scope{Owner: "acme", Use: "jane"} }

func TestOneRequestOneAnswer(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := idempotency.New(env.Client)
		begin := func(scope, key, body string) (*idempotency.Claim, *idempotency.Answer, error) {
			return s.Begin(t.Context(), idempotency.Scope{Owner: "acme", Use: scope}, key, []byte(body), time.Minute)
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
		first, _, err := s.Begin(t.Context(), jane(), "k", nil, time.Minute)
		require.NoError(t, err)
		require.NoError(t, first.Release(t.Context()))
		dead, _, err := s.Begin(t.Context(), jane(), "k", nil, time.Minute)
		require.NoError(t, err)
		require.NotNil(t, dead)

		env.Advance(2 * time.Minute)
		next, earlier, err := s.Begin(t.Context(), jane(), "k", nil, time.Minute)
		require.NoError(t, err)
		require.Nil(t, earlier)
		require.NoError(t, dead.Done(t.Context(), idempotency.Answer{Status: 201}))
		_, _, err = s.Begin(t.Context(), jane(), "k", nil, time.Minute)
		require.ErrorIs(t, err, idempotency.ErrRunning, "who lost the claim answers for nobody")
		require.NoError(t, next.Done(t.Context(), idempotency.Answer{Status: 200}))
		env.Advance(idempotency.Keep + time.Second)
		_, earlier, err = s.Begin(t.Context(), jane(), "k", nil, time.Minute)
		require.NoError(t, err)
		require.Nil(t, earlier, "forgotten after Keep")
	})
}

// held is what an owner's keys take, as Redis tells it and as the store counts.
func held(t *testing.T, env redistest.Env, base string) (bytes, counted, entries int) {
	t.Helper()
	all := env.Client.HGetAll(t.Context(), base).Val()
	for id, text := range all {
		bytes += len(id) + len(text)
	}
	counted, _ = strconv.Atoi(env.Client.Get(t.Context(), base+":bytes").Val())
	require.Len(t, all, int(env.Client.ZCard(t.Context(), base+":over").Val()))
	return bytes, counted, len(all)
}

// An owner's keys take no more than its share, whatever is asked and answered,
// and what is over gives room back.
func TestAShareIsBounded(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := idempotency.New(env.Client)
		noise := make([]byte, 12<<10) // does not shrink
		_, err := rand.Read(noise)
		require.NoError(t, err)
		var full error
		n, dropped := 0, 0
		for ; full == nil; n++ {
			require.Less(t, n, 20_000, "it never ends")
			var c *idempotency.Claim
			if c, _, full = s.Begin(t.Context(), jane(), fmt.Sprint("k", n), nil, time.Minute); full != nil {
				break
			}
			require.NoError(t, c.Done(t.Context(), idempotency.Answer{Status: 200, Body: noise}))
			if _, _, err := s.Begin(t.Context(), jane(), fmt.Sprint("k", n), nil, time.Minute); errors.Is(err, idempotency.ErrDropped) {
				dropped++
			}
		}
		require.ErrorIs(t, full, fault.RateLimited)
		require.Positive(t, fault.From(full).RetryAfter)
		require.NotEmpty(t, fault.From(full).Public)
		require.Positive(t, dropped, "what was carried out is known as such, also without its answer")
		bytes, counted, _ := held(t, env, "pb:{t:acme}:idem")
		require.LessOrEqual(t, bytes, idempotency.MaxBytes)
		require.LessOrEqual(t, counted, idempotency.MaxBytes)
		for _, other := range []idempotency.Scope{{Owner: "other", Use: "jane"}, {Owner: idempotency.Deployment, Use: "jane"}} {
			c, _, err := s.Begin(t.Context(), other, "k", nil, time.Minute)
			require.NoError(t, err, "another's share is another")
			require.NoError(t, c.Release(t.Context()))
		}
		_, earlier, err := s.Begin(t.Context(), jane(), "k0", nil, time.Minute)
		require.NoError(t, err)
		require.Equal(t, noise, earlier.Body, "what is remembered stays so")

		env.Advance(idempotency.Keep + time.Minute)
		for range 100 { // a call takes away so many
			c, _, err := s.Begin(t.Context(), jane(), "again", nil, time.Minute)
			require.NoError(t, err)
			require.NoError(t, c.Release(t.Context()))
		}
		require.Empty(t, env.Keys(t, "*idem*"))
	})
}

// The count follows what is kept: claims, answers, what is released or over.
func TestAShareIsCounted(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := idempotency.New(env.Client)
		const cost = 300 - 64 // beside id and text
		check := func(entries int) {
			t.Helper()
			bytes, counted, n := held(t, env, "pb:{t:acme}:idem")
			require.Equal(t, entries, n)
			require.Equal(t, bytes+n*cost, counted)
		}
		first, _, err := s.Begin(t.Context(), jane(), "a", nil, time.Minute)
		require.NoError(t, err)
		second, _, err := s.Begin(t.Context(), jane(), "b", nil, time.Minute)
		require.NoError(t, err)
		check(2)
		require.NoError(t, first.Done(t.Context(), idempotency.Answer{Status: 200, Body: []byte("x")}))
		check(2)
		require.NoError(t, second.Release(t.Context()))
		check(1)
		require.NoError(t, second.Release(t.Context()), "twice is once")
		check(1)
		_, _, err = s.Begin(t.Context(), jane(), "c", nil, time.Minute)
		require.NoError(t, err)
		require.NoError(t, s.Forget(t.Context(), "acme"))
		require.Empty(t, env.Keys(t, "*idem*"))
		require.Error(t, s.Forget(t.Context(), idempotency.Deployment))
	})
}

// A large answer is compressed; one that stays large is known by its digest.
func TestLargeAnswers(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := idempotency.New(env.Client)
		keep := func(key string, body []byte) (*idempotency.Answer, error) {
			c, _, err := s.Begin(t.Context(), jane(), key, nil, time.Minute)
			require.NoError(t, err)
			require.NoError(t, c.Done(t.Context(), idempotency.Answer{Status: 200, Body: body}))
			_, earlier, err := s.Begin(t.Context(), jane(), key, nil, time.Minute)
			return earlier, err
		}
		report := bytes.Repeat([]byte(`{"name":"Engineering","state":"unchanged"},`), 8000)
		earlier, err := keep("report", report)
		require.NoError(t, err)
		require.Equal(t, report, earlier.Body)
		noise := make([]byte, 341<<10)
		_, err = rand.Read(noise)
		require.NoError(t, err)
		_, err = keep("noise", noise)
		require.ErrorIs(t, err, idempotency.ErrDropped)
		require.ErrorIs(t, err, fault.Conflict)
		_, _, err = s.Begin(t.Context(), jane(), "noise", []byte("other"), time.Minute)
		require.ErrorIs(t, err, idempotency.ErrReused)
		kept, _, _ := held(t, env, "pb:{t:acme}:idem")
		require.Less(t, kept, 30<<10)
	})
}
