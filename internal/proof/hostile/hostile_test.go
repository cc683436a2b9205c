package main

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A seed makes the same inputs each time, and different ones from another seed.
func TestInputsAreOfTheirSeed(t *testing.T) {
	for name, makes := range map[string]func(*rand.Rand) string{"description": description, "template": template, "request": request, "document": document} {
		t.Run(name, func(t *testing.T) {
			of := func(seed uint64) string {
				r := rand.New(rand.NewPCG(seed, 1))
				var all strings.Builder
				for range 20 {
					all.WriteString(makes(r))
				}
				return all.String()
			}
			first, again, other := of(1), of(1), of(2)
			require.Equal(t, first, again, "the same seed")
			require.NotEqual(t, first, other, "another seed")
		})
	}
	for seed := range uint64(40) {
		d := description(rand.New(rand.NewPCG(seed, 1)))
		require.NotEmpty(t, d)
		require.Less(t, len(d), 2*maxHTML)
	}
}

func TestP99(t *testing.T) {
	require.Zero(t, p99(nil))
	require.InDelta(t, 3, p99([]float64{3, 1, 2}), 0)
	all := make([]float64, 200)
	for i := range all {
		all[i] = float64(i + 1)
	}
	require.InDelta(t, 199, p99(all), 0, "two of 200 are slower or as slow")
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"-short", "-seed", "7", "-kinds", "items,answers", "-expect", "grown"}, &strings.Builder{})
	require.NoError(t, err)
	require.Equal(t, []string{"items", "answers"}, o.Kinds)
	require.Equal(t, []string{"grown"}, o.Expect)
	for _, wrong := range [][]string{{"-kinds", "nothing"}, {"-seeds", "0"}, {"more"}, {"-nonsense"}} {
		_, err := parse(wrong, &strings.Builder{})
		require.Error(t, err, wrong)
	}
	r := &report{}
	r.add(grown, "x")
	require.True(t, r.found([]string{died, grown}))
	require.False(t, r.found([]string{stuck}))
}
