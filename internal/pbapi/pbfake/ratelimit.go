package pbfake

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// rateWindow is the second in "50 requests per second".
const rateWindow = time.Second

// limiter admits at most limit requests of a token in any window. How
// Productboard counts is not published; a sliding window is the strictest
// way, so whoever passes here passes anywhere. Refused requests do not count.
type limiter struct {
	mu     sync.Mutex
	clock  Clock
	limit  int // 0: no limit
	tokens map[string][]time.Time
}

func newLimiter(limit int, clock Clock) *limiter {
	return &limiter{clock: clock, limit: limit, tokens: map[string][]time.Time{}}
}

// admit reports whether a request may pass, how many more may, and if not, how
// long to wait.
func (l *limiter) admit(token string) (ok bool, limit, remaining int, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limit <= 0 {
		return true, 0, 0, 0
	}
	now := l.clock.Now()
	seen := l.tokens[token]
	old := 0
	for old < len(seen) && now.Sub(seen[old]) >= rateWindow {
		old++
	}
	seen = seen[old:]
	ok = len(seen) < l.limit
	if ok {
		seen = append(seen, now)
	} else {
		wait = rateWindow - now.Sub(seen[len(seen)-l.limit])
	}
	l.tokens[token] = seen
	return ok, l.limit, max(0, l.limit-len(seen)), wait
}

// SetRateLimit changes the number of requests that each token may make in any
// second; zero or less switches the limit off.
func (f *Fake) SetRateLimit(perSecond int) {
	f.limiter.mu.Lock()
	defer f.limiter.mu.Unlock()
	f.limiter.limit = max(perSecond, 0)
	clear(f.limiter.tokens)
}

// limited counts a request against its token's limit and sets the headers; it
// returns the refusal, if there is one.
func (f *Fake) limited(w http.ResponseWriter, token string) *apiError {
	ok, limit, remaining, wait := f.limiter.admit(token)
	if limit > 0 {
		w.Header().Set("X-RateLimit-Limit", strconv.Itoa(limit))
		w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(remaining))
	}
	if ok {
		return nil
	}
	w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	return tooManyRequests()
}

func tooManyRequests() *apiError {
	return fail(http.StatusTooManyRequests, codeRateLimit, "Rate limit exceeded",
		"You have exceeded the allowed number of API requests. Please wait before making additional requests.")
}
