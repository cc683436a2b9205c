package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSeedsAreSummedUpInTheirOrder(t *testing.T) {
	o := options{Seed: 5, Seeds: 4, Parallel: 2, Fsync: "always"}
	fifth := make(chan struct{})
	var lines bytes.Buffer
	s := o.runSeeds(context.Background(), &lines, func(_ context.Context, o options, _ io.Writer) (*report, error) {
		switch o.Seed {
		case 5: // ends after the next one: there are two side by side
			<-fifth
			return &report{Seed: 5, Actions: 10, takeovers: []time.Duration{9 * time.Second}}, nil
		case 6:
			close(fifth)
			return &report{Seed: 6, Actions: 10, takeovers: []time.Duration{11 * time.Second}}, nil
		case 7:
			return &report{Seed: 7, Actions: 10, Counts: map[string]int{duplicates: 1}, Violations: []violation{{Kind: duplicates}}}, errors.New("1 violations")
		default:
			return nil, errors.New("redis-server did not start")
		}
	})
	require.Len(t, s.Seeds, 4)
	for i, l := range s.Seeds {
		require.EqualValues(t, 5+i, l.Seed)
	}
	require.Equal(t, 2, s.Passed)
	require.Equal(t, 2, s.Failed)
	require.Equal(t, 30, s.Clicks)
	require.Equal(t, 1, s.Violations)
	require.Equal(t, 1, s.Seeds[2].Duplicates)
	require.Equal(t, quantiles{N: 2, P50: 11, P99: 11, Max: 11}, s.Takeover)
	require.Len(t, s.Reports, 1, "the report of a seed that failed is kept whole")
	require.Equal(t, 5, strings.Count(lines.String(), "\n"), "a line for each, and the violation")
}

func TestSeedsThatWereNotBegunDoNotPass(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := options{Seeds: 3, Parallel: 1}.runSeeds(ctx, io.Discard, func(context.Context, options, io.Writer) (*report, error) {
		cancel()
		return &report{}, nil
	})
	require.Equal(t, 1, s.Passed)
	require.Equal(t, 2, s.Failed)
}
