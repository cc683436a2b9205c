package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFoldHoldsRepeatedLinesBack(t *testing.T) {
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
