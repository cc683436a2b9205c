package linear_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/linear"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/targettest"
)

// answer is what the next create gets, and what reading its issue gets then.
type answer struct {
	status int
	header map[string]string
	body   string
	read   string
}

const (
	absent = `{"data":null,"errors":[{"message":"Entity not found: Issue","path":["issue"],"extensions":{"code":"INPUT_ERROR","type":"invalid input","userPresentableMessage":"Could not find referenced Issue."}}]}`
	broken = `{"data":null,"errors":[{"message":"oops","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}`
	teamID = "10000000-0000-4000-8000-000000000001"
)

func present(id string) string {
	return `{"data":{"issue":{"id":"` + id + `","identifier":"ENG-1","title":"A wish","state":{"name":"Todo","type":"unstarted"}}}}`
}

// answering is a driver whose team is there and whose creates get the answer
// that is put into it.
func answering(tb testing.TB) (targets.Driver, *atomic.Pointer[answer]) {
	tb.Helper()
	var next atomic.Pointer[answer]
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		a := next.Load()
		switch body := string(raw); {
		case strings.Contains(body, `"Teams"`):
			_, _ = io.WriteString(w, `{"data":{"viewer":{"id":"me"},"teams":{"nodes":[{"id":"`+teamID+`","key":"ENG"}]}}}`)
		case strings.Contains(body, `"Team"`):
			_, _ = io.WriteString(w, `{"data":{"team":{"id":"`+teamID+`"}}}`)
		case strings.Contains(body, `"Labels"`):
			_, _ = io.WriteString(w, `{"data":{"issueLabels":{"nodes":[],"pageInfo":{"hasNextPage":false}}}}`)
		case strings.Contains(body, `"Issue"`):
			_, _ = io.WriteString(w, a.read)
		default:
			w.Header().Set("X-Request-Id", "req-1")
			for k, v := range a.header {
				w.Header().Set(k, v)
			}
			w.WriteHeader(a.status)
			_, _ = io.WriteString(w, a.body)
		}
	}))
	tb.Cleanup(srv.Close)
	driver, err := linear.Kind().New(targets.Config{Settings: settings.Values{"url": srv.URL, "team": "ENG"},
		Credentials: map[string]secret.String{"apiKey": secret.New("lin_api_0000")}}, targets.Deps{HTTP: targettest.Client(tb)})
	require.NoError(tb, err)
	return driver, &next
}

func said(code, typ, message, presentable string) string {
	return `{"data":null,"errors":[{"message":"` + message + `","path":["issueCreate"],"extensions":{"code":"` + code + `","type":"` + typ + `","userPresentableMessage":"` + presentable + `"}}]}`
}

// Errors stand under 200 and under 400 alike; what they mean is in their code
// or type, and whether there is an issue is in Linear.
func TestErrors(t *testing.T) {
	t.Parallel()
	const advice = ". Ask your admin to change that in Linear or in the integration's settings."
	const front = "Something in front of Linear answered (HTTP %d, %s), not Linear itself. Push again in a while. If it stays so, tell the people who run Linear."
	driver, next := answering(t)
	id := linear.IssueID(teamID, draft().Marker)
	for name, c := range map[string]struct {
		answer  answer
		kind    fault.Kind
		outcome targets.Outcome
		says    string // "": the usual sentence for the kind
	}{
		"refused under 200":        {answer{200, nil, said("INPUT_ERROR", "invalid input", "Argument Validation Error", "title is too long."), absent}, fault.Invalid, targets.OutcomeNotDone, "Linear: title is too long" + advice},
		"refused under 400":        {answer{400, nil, said("", "invalid input", "Argument Validation Error", ""), absent}, fault.Invalid, targets.OutcomeNotDone, "Linear: Argument Validation Error" + advice},
		"refused, but it is there": {answer{200, nil, said("INPUT_ERROR", "", "must be unique", ""), present(id)}, 0, targets.OutcomeDone, ""},
		"refused, nobody knows":    {answer{200, nil, said("INPUT_ERROR", "", "must be unique", ""), broken}, fault.Invalid, targets.OutcomeUnknown, "Linear: must be unique" + advice},
		"another issue":            {answer{200, nil, said("INPUT_ERROR", "", "must be unique", ""), present(teamID)}, fault.Invalid, targets.OutcomeUnknown, "Linear: must be unique" + advice},
		"usage limit":              {answer{200, nil, said("", "usage limit exceeded", "x", "You have reached the usage limit of issues."), absent}, fault.Forbidden, targets.OutcomeNotDone, "Linear: You have reached the usage limit of issues" + advice},
		"forbidden":                {answer{400, nil, said("FORBIDDEN", "forbidden", "Invalid scope: 'write' required", ""), absent}, fault.Forbidden, targets.OutcomeNotDone, "Linear: Invalid scope: 'write' required" + advice},
		"credentials under 200":    {answer{200, nil, said("AUTHENTICATION_ERROR", "authentication error", "Authentication required, not authenticated", "x"), absent}, fault.Unauthorized, targets.OutcomeNotDone, "Linear refused the API key or token. Ask your admin to renew it in the integration's settings."},
		"credentials under 400":    {answer{400, nil, said("AUTHENTICATION_ERROR", "", "x", ""), absent}, fault.Unauthorized, targets.OutcomeNotDone, "Linear refused the API key or token. Ask your admin to renew it in the integration's settings."},
		"rate limit under 400":     {answer{400, nil, said("RATELIMITED", "ratelimited", "Rate limit exceeded", "Slow down."), absent}, fault.RateLimited, targets.OutcomeNotDone, ""},
		"Linear's own fault":       {answer{200, nil, said("INTERNAL_SERVER_ERROR", "internal error", "x", ""), absent}, fault.Unavailable, targets.OutcomeUnknown, ""},
		"own fault, but there":     {answer{500, nil, said("INTERNAL_SERVER_ERROR", "internal error", "x", ""), present(id)}, 0, targets.OutcomeDone, ""},
		"lock timeout":             {answer{200, nil, said("LOCK_TIMEOUT", "lock timeout", "x", ""), absent}, fault.Unavailable, targets.OutcomeUnknown, ""},
		"errors that say nothing":  {answer{200, nil, `{"errors":["x",{"extensions":null}]}`, absent}, fault.Unavailable, targets.OutcomeUnknown, ""},
		"no success":               {answer{200, nil, `{"data":{"issueCreate":{"success":false,"issue":null}}}`, absent}, fault.Unavailable, targets.OutcomeUnknown, ""},
		"web page":                 {answer{502, nil, "<html>Bad gateway", absent}, fault.Intermediary, targets.OutcomeUnknown, fmt.Sprintf(front, 502, "a web page")},
		"a firewall forbids":       {answer{403, nil, "<html>Request blocked", absent}, fault.Intermediary, targets.OutcomeUnknown, fmt.Sprintf(front, 403, "a web page")},
		"a gateway has no route":   {answer{404, nil, `{"errors":[{"message":"no Route matched"}]}`, absent}, fault.Intermediary, targets.OutcomeUnknown, fmt.Sprintf(front, 404, "not in Linear's words")},
		"forbidden under 403":      {answer{403, nil, said("FORBIDDEN", "forbidden", "x", "Your account was suspended."), absent}, fault.Forbidden, targets.OutcomeNotDone, "Linear: Your account was suspended" + advice},
		"plain text":               {answer{400, nil, "Bad Request", absent}, fault.Invalid, targets.OutcomeNotDone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			next.Store(&c.answer)
			made, err := driver.Create(t.Context(), draft())
			require.Equal(t, c.outcome, targets.OutcomeOf(err), err)
			if c.outcome == targets.OutcomeDone {
				require.NoError(t, err)
				require.Equal(t, id, made.ID)
				return
			}
			e := fault.From(err)
			require.Equal(t, c.kind, e.Kind)
			require.Equal(t, c.says, e.Public)
			if c.answer.status >= 400 {
				require.Equal(t, "req-1", e.Ref, "Linear's request id, for its support")
			}
		})
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	driver, next := answering(t)
	soon := strconv.FormatInt(time.Now().Add(90*time.Second).UnixMilli(), 10)
	for name, c := range map[string]struct {
		header   map[string]string
		from, to time.Duration
	}{
		"retry-after":       {map[string]string{"Retry-After": "7", "X-RateLimit-Requests-Remaining": "0", "X-RateLimit-Requests-Reset": soon}, 7 * time.Second, 7 * time.Second},
		"requests":          {map[string]string{"X-RateLimit-Requests-Remaining": "0", "X-RateLimit-Requests-Reset": soon}, time.Second, 90 * time.Second},
		"complexity":        {map[string]string{"X-RateLimit-Requests-Remaining": "9", "X-RateLimit-Complexity-Remaining": "0", "X-RateLimit-Complexity-Reset": soon}, time.Second, 90 * time.Second},
		"neither is spent":  {map[string]string{"X-RateLimit-Requests-Remaining": "9", "X-RateLimit-Requests-Reset": soon}, 0, 0},
		"reset in the past": {map[string]string{"X-RateLimit-Requests-Remaining": "0", "X-RateLimit-Requests-Reset": "12"}, 0, 0},
		"reset far away":    {map[string]string{"X-RateLimit-Requests-Remaining": "0", "X-RateLimit-Requests-Reset": "99999999999999"}, time.Hour, time.Hour},
		"no number":         {map[string]string{"X-RateLimit-Requests-Remaining": "0", "X-RateLimit-Requests-Reset": "soon"}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			next.Store(&answer{400, c.header, said("RATELIMITED", "ratelimited", "x", ""), absent})
			_, err := driver.Create(t.Context(), draft())
			e := fault.From(err)
			require.Equal(t, fault.RateLimited, e.Kind)
			require.GreaterOrEqual(t, e.RetryAfter, c.from)
			require.LessOrEqual(t, e.RetryAfter, c.to)
		})
	}
}

// Whatever Linear, or something in front of it, answers to a create: no
// panic, and nothing but a refusal or the issue with our id is certain.
func FuzzCreateReply(f *testing.F) {
	id := linear.IssueID(teamID, draft().Marker)
	f.Add(200, `{"data":{"issueCreate":{"issue":{"id":"`+id+`","state":{}}}}}`)
	f.Add(200, `{"data":{"issueCreate":{"issue":{"id":1}}},"errors":[]}`)
	f.Add(400, said("RATELIMITED", "ratelimited", "x", ""))
	f.Add(200, said("INPUT_ERROR", "", "x", ""))
	f.Add(200, `<html>`)
	f.Add(502, ``)
	for _, text := range boundtest.JSON() {
		f.Add(200, text)
	}
	f.Add(400, boundtest.Fill(`{"errors":[`, `{"message":"\u003c"},`, `{}]}`))
	driver, next := answering(f)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 || status == 204 || status == 304 {
			t.Skip("not a status of a reply with a body")
		}
		next.Store(&answer{status: status, body: body, read: absent})
		var made targets.Issue
		var err error
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 512 << 10, PerByte: 12}, func() { made, err = driver.Create(t.Context(), draft()) })
		if targets.OutcomeOf(err) == targets.OutcomeDone && (status >= 300 || made.ID != id) {
			t.Fatalf("status %d is no success: %+v", status, made)
		}
		if targets.OutcomeOf(err) == targets.OutcomeNotDone && status >= 500 && status != 503 {
			t.Fatalf("status %d leaves it open", status)
		}
	})
}
