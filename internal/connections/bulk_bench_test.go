package connections

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
)

// BenchmarkImport stores idle connections as a restore of a backup does; one
// operation is one connection.
func BenchmarkImport(b *testing.B) {
	env := redistest.Real(b)
	ctx := context.Background()
	s := NewStore(env.Client, Timing{})
	entries := make([]Entry, b.N)
	for i := range entries {
		entries[i] = idle(i)
	}
	require.NoError(b, s.Import(ctx, nil))
	b.ReportAllocs()
	b.ResetTimer()
	require.NoError(b, s.Import(ctx, entries))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "connections/s")
}
