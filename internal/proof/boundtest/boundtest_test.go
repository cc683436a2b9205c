package boundtest

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorder is a test that only notes what it is failed with.
type recorder struct {
	testing.TB
	said []string
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

// allocate allocates n times a mebibyte that is garbage at once.
func allocate(n int) {
	for range n {
		kept := make([]byte, 1<<20)
		runtime.KeepAlive(&kept)
	}
}

func TestMemory(t *testing.T) {
	if underRace {
		t.Skip("nothing is measured under the race detector")
	}
	const own = 64 << 10 // what the runtime itself allocates
	for name, c := range map[string]struct {
		input, mebibytes int
		limit            Limit
		fails            bool
	}{
		"nothing":                        {0, 0, Limit{Base: own}, false},
		"within the base":                {0, 2, Limit{Base: 2<<20 + own}, false},
		"with some slack":                {0, 3, Limit{Base: 2<<20 + own}, false},
		"above the base":                 {0, 5, Limit{Base: 2<<20 + own}, true},
		"in proportion":                  {1 << 10, 2, Limit{Base: own, PerByte: 2 << 10}, false},
		"out of proportion":              {1 << 10, 5, Limit{Base: own, PerByte: 2 << 10}, true},
		"freed meanwhile, it counts too": {0, 64, Limit{Base: 31 << 20}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r, runs := &recorder{TB: t}, 0
			Memory(r, c.input, c.limit, func() {
				runs++
				allocate(c.mebibytes)
			})
			require.Equal(t, 1, runs)
			if !c.fails {
				require.Empty(t, r.said)
				return
			}
			require.Len(t, r.said, 1)
			var got, input, most uint64
			_, err := fmt.Sscanf(r.said[0], "%d bytes allocated for an input of %d bytes: at most %d", &got, &input, &most)
			require.NoError(t, err, r.said[0])
			require.GreaterOrEqual(t, got, uint64(c.mebibytes)<<20)
			require.EqualValues(t, c.input, input)
			require.Equal(t, c.limit.Bytes(c.input), most)
		})
	}
}

// A target whose cost is the square of its input fails at Large, with a limit
// that takes what is in proportion.
func TestWhatIsQuadraticFails(t *testing.T) {
	if underRace {
		t.Skip("nothing is measured under the race detector")
	}
	square := func(input int) { // as a text that is joined byte by byte
		for n := 0; n < input; n += 64 {
			text := make([]byte, n)
			runtime.KeepAlive(&text)
		}
	}
	for input, fails := range map[int]bool{Large / 64: false, Large: true} {
		r := &recorder{TB: t}
		Memory(r, input, Limit{Base: 64 << 10, PerByte: 100}, func() { square(input) })
		require.Equal(t, fails, len(r.said) > 0, "%d: %v", input, r.said)
	}
}

func TestLargeTexts(t *testing.T) {
	for _, text := range append(JSON(), Fill("[1", ",1", "]")) {
		require.True(t, json.Valid([]byte(text)), text[:20])
		require.Greater(t, len(text), Large*3/4)
		require.LessOrEqual(t, len(text), Large)
	}
	require.Equal(t, "ab", Fill("a", strings.Repeat("x", Large), "b"))
}
