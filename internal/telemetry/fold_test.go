package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFoldHoldsRepeatedLinesBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var out bytes.Buffer
	f := NewFold(slog.New(slog.NewTextHandler(&out, nil)), "library")
	for range 1000 {
		f.Say(ctx, slog.LevelError, "cannot reach redis: dial tcp: connection refused")
	}
	f.Say(ctx, slog.LevelWarn, "something else")
	require.Equal(t, 2, strings.Count(out.String(), "\n"))
	require.Contains(t, out.String(), "from=library")
	for i := range 10 * maxFolded {
		f.Say(ctx, slog.LevelWarn, fmt.Sprint(i))
	}
	require.LessOrEqual(t, len(f.seen), maxFolded, "what is remembered is bounded")
}

// What is held back is counted, and told with the next line that passes.
func TestFoldCounts(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	f := NewFold(slog.New(slog.NewTextHandler(&out, nil)), "place")
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	f.now = func() time.Time { return now }
	for range 300 { // 30 s, ten lines a second
		f.Say(t.Context(), slog.LevelWarn, "no")
		now = now.Add(100 * time.Millisecond)
	}
	require.Equal(t, 3, strings.Count(out.String(), "\n"))
	require.Equal(t, 1, strings.Count(out.String(), "repeated=0"))
	require.Equal(t, 2, strings.Count(out.String(), "repeated=99"))
}
