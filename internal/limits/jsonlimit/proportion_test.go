package jsonlimit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/limits/jsonlimit"
)

// Eight times the text takes about eight times as long, and not 64 times, for
// every shape. The best of some rounds counts, since the machine may be busy.
func TestScanIsInProportion(t *testing.T) {
	const size, times, most = 1 << 15, 8, 3 * 8
	for name, unit := range map[string]string{
		"escapes": `\u003c`, "escaped quotes": `\"`, "backslashes": `\\`, "quotes that open": `"",`, "letters": "x", "names": `"a":`, "brackets": "[{",
	} {
		t.Run(name, func(t *testing.T) {
			scan := func(n int) time.Duration {
				text := []byte(`"` + strings.Repeat(unit, n/len(unit)) + `"`)
				if strings.HasPrefix(unit, `"`) || unit == "[{" {
					text = text[1:]
				}
				best := time.Hour
				for range 7 {
					begun := time.Now()
					_, _ = jsonlimit.Limits{Values: 1 << 30, Depth: 1 << 30}.Scan(text)
					best = min(best, time.Since(begun))
				}
				return best
			}
			short, long := scan(size), scan(size*times)
			require.Less(t, float64(long)/float64(max(short, 1)), float64(most), "%v for %d bytes, %v for %d", short, size, long, size*times)
		})
	}
}
