// Package boundtest holds a fuzz target to a bound on memory, beside not
// panicking: an input that allocates out of proportion to its length fails.
//
// Here live the measure and the large texts that many targets share. Only
// tests import it, it imports nothing of this program, and what only one
// target needs stays beside that target.
package boundtest

import (
	"runtime"
	"strings"
	"testing"
)

// Large is the length of a large input in bytes: long enough that what grows
// with the square of it passes any sensible [Limit].
const Large = 64 << 10

// Limit is how many bytes may be allocated: Base for any input, and PerByte
// for each byte of it. All allocations count, also those freed meanwhile, so
// it bounds the peak too.
type Limit struct {
	Base, PerByte int
}

// slack is how many times a Limit may be allocated: a fuzzer finds inputs that
// cost a little more than those which somebody measured. What is out of
// proportion costs many times as much.
const slack = 2

// runtimes is what may be allocated beside, in bytes: by the runtime, and by
// the fuzzer's own goroutines.
const runtimes = 256 << 10

// Bytes is the most that may be allocated for an input of that many bytes, in
// bytes: twice the Limit, and some for the runtime.
func (l Limit) Bytes(input int) uint64 {
	return runtimes + slack*(uint64(l.Base)+uint64(l.PerByte)*uint64(input))
}

// Memory runs f once and fails t if more than l.Bytes was allocated meanwhile.
// The input's length is in bytes. Every goroutine of the process counts: call it
// while no other test runs. The race detector allocates on its own, so under
// it f runs unmeasured.
func Memory(tb testing.TB, input int, l Limit, f func()) {
	tb.Helper()
	if underRace {
		f()
		return
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if got, most := after.TotalAlloc-before.TotalAlloc, l.Bytes(input); got > most {
		tb.Errorf("%d bytes allocated for an input of %d bytes: at most %d, %d times (%d + %d per byte)", got, input, most, slack, l.Base, l.PerByte)
	}
}

// Fill returns begin, as many of repeated as fit into [Large] bytes, and end.
func Fill(begin, repeated, end string) string {
	return begin + strings.Repeat(repeated, max(0, Large-len(begin)-len(end))/len(repeated)) + end
}

// JSON returns JSON texts of about [Large] bytes that cost a reader most: values
// within values, many values side by side, many members, many escapes.
func JSON() []string {
	const levels = 8 << 10 // encoding/json takes 10,000
	return []string{
		Fill("[", strings.Repeat("[", levels)+strings.Repeat("]", levels)+",", "0]"),
		Fill("[", "{},", "{}]"),
		Fill(`{"":0`, `,"a":{}`, "}"),
		Fill(`["`, `\u003c`, `"]`),
	}
}
