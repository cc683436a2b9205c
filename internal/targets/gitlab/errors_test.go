package gitlab_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/gitlab"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/targettest"
)

// answer is the reply to the next create.
type answer struct {
	status int
	header map[string]string
	body   string
}

// answering is a driver whose project is there and whose creates get the
// answer that is put into it.
func answering(tb testing.TB) (targets.Driver, *atomic.Pointer[answer]) {
	tb.Helper()
	var next atomic.Pointer[answer]
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"id":11,"permissions":{"project_access":{"access_level":20}}}`)
			return
		}
		a := next.Load()
		w.Header().Set("X-Request-Id", "01REQ")
		for k, v := range a.header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	tb.Cleanup(srv.Close)
	driver, err := gitlab.Kind().New(targets.Config{Settings: settings.Values{"url": srv.URL, "project": "acme/mine"},
		Credentials: map[string]secret.String{"token": secret.New("glpat-0000")}}, targets.Deps{HTTP: targettest.Client(tb)})
	require.NoError(tb, err)
	return driver, &next
}

// The three shapes of GitLab's errors, and what is none of them.
func TestErrorShapes(t *testing.T) {
	t.Parallel()
	const advice = ". Ask your admin to change that in GitLab or in the integration's settings."
	const spam = ". Ask a GitLab admin to exempt the token's account from the spam check."
	const rights = ". Ask a GitLab admin to put that right for the token's account."
	const front = "Something in front of GitLab answered (HTTP %d, %s), not GitLab itself. Push again in a while. If it stays so, tell the people who run GitLab."
	page, err := os.ReadFile(filepath.Join("testdata", "error.502.html"))
	require.NoError(t, err)
	driver, next := answering(t)
	for name, c := range map[string]struct {
		answer answer
		kind   fault.Kind
		unsure bool
		says   string // "": the usual sentence for the kind
	}{
		"message is an object": {answer{400, nil, `{"message":{"title":["can't be blank"],"due_date":["is invalid"]}}`}, fault.Invalid, false, "GitLab: due date is invalid, title can't be blank" + advice},
		"message is a text":    {answer{400, nil, `{"message":"400 Bad request - Milestone is closed."}`}, fault.Invalid, false, "GitLab: Milestone is closed" + advice},
		"error is a text":      {answer{400, nil, `{"error":"issue_type does not have a valid value"}`}, fault.Invalid, false, "GitLab: issue_type does not have a valid value" + advice},
		"base":                 {answer{422, nil, `{"message":{"base":["Epic is not in this group"]}}`}, fault.Invalid, false, "GitLab: Epic is not in this group" + advice},
		"spam":                 {answer{400, nil, `{"message":{"error":"Your issue has been recognized as spam and has been discarded."}}`}, fault.Invalid, false, "GitLab: Your issue has been recognized as spam and has been discarded" + spam},
		"spam, a CAPTCHA":      {answer{409, nil, `{"needs_captcha_response":true,"spam_log_id":42,"captcha_site_key":"6Lc","message":{"error":"Your issue has been recognized as spam. Please, change the content or solve the reCAPTCHA to proceed."}}`}, fault.Invalid, false, "GitLab: Your issue has been recognized as spam. Please, change the content or solve the reCAPTCHA to proceed" + spam},
		"another conflict":     {answer{409, nil, `{"message":"Duplicated issue"}`}, fault.Conflict, false, ""},
		"scope":                {answer{403, nil, `{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api"}`}, fault.Forbidden, false, "GitLab: the token may not write. Ask your admin for a token with the scope api."},
		"role":                 {answer{403, nil, `{"message":"403 Forbidden"}`}, fault.Forbidden, false, `GitLab does not allow this to the token's account in project "acme/mine". Ask your admin to give it the role Reporter there.`},
		"terms":                {answer{403, nil, `{"message":"403 Forbidden - You (@push) must accept the Terms of Service in order to perform this action. To accept these terms, please access GitLab from a web browser at https://gitlab.example.com."}`}, fault.Forbidden, false, "GitLab: You (@push) must accept the Terms of Service in order to perform this action. To accept these terms, please access GitLab from a web browser at https://gitlab.example.com" + rights},
		"blocked":              {answer{403, nil, `{"message":"403 Forbidden  - Your account has been blocked."}`}, fault.Forbidden, false, "GitLab: Your account has been blocked" + rights},
		"permission":           {answer{403, nil, `{"error":"insufficient_granular_scope","error_description":"Access denied: This operation requires a fine-grained personal access token with the following project permissions: [Work Item: Create]."}`}, fault.Forbidden, false, `GitLab: the fine-grained token lacks the permission "Work Item: Create". Ask your admin for a token that has it.`},
		"no permission named":  {answer{403, nil, `{"error":"insufficient_granular_scope","error_description":"Access denied: This operation doesn't support fine-grained personal access tokens."}`}, fault.Forbidden, false, "GitLab: Access denied: This operation doesn't support fine-grained personal access tokens. Ask your admin for a token that may do this."},
		"a gateway forbids":    {answer{403, nil, `{"message":"Forbidden"}`}, fault.Intermediary, true, fmt.Sprintf(front, 403, "not in GitLab's words")},
		"a firewall forbids":   {answer{403, nil, "<html>Request blocked"}, fault.Intermediary, true, fmt.Sprintf(front, 403, "a web page")},
		"a proxy asks who":     {answer{403, nil, `{"error":"access_denied","error_description":"log in"}`}, fault.Intermediary, true, fmt.Sprintf(front, 403, "not in GitLab's words")},
		"GitLab's own 500":     {answer{500, nil, `{"message":"500 Internal Server Error"}`}, fault.Unavailable, true, ""},
		"a busy balancer":      {answer{503, map[string]string{"Retry-After": "7"}, "no healthy upstream"}, fault.Intermediary, true, fmt.Sprintf(front, 503, "not in GitLab's words")},
		"revoked":              {answer{401, nil, `{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}`}, fault.Unauthorized, false, "GitLab refused the token. Ask your admin to renew it in the integration's settings: it is wrong, expired or revoked."},
		"renamed":              {answer{301, map[string]string{"Location": "/api/v4/projects/12"}, `{"message":"301 Moved"}`}, fault.Invalid, false, "GitLab's address leads elsewhere, or the project was renamed. Ask your admin to check settings.url and settings.project."},
		"web page":             {answer{502, nil, string(page)}, fault.Intermediary, true, fmt.Sprintf(front, 502, "a web page")},
		"plain text":           {answer{400, nil, "Bad request"}, fault.Invalid, false, ""},
		"nothing in it":        {answer{400, nil, `{"message":{"labels":{"x":{"y":"z"}}}}`}, fault.Invalid, false, ""},
		"created nothing":      {answer{201, nil, `{"message":"ok"}`}, fault.Unavailable, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			next.Store(&c.answer)
			_, err := driver.Create(t.Context(), draft())
			require.Error(t, err)
			e := fault.From(err)
			require.Equal(t, c.kind, e.Kind)
			require.Equal(t, c.unsure, e.Unsure)
			require.Equal(t, c.says, e.Public)
			if c.answer.status >= 300 {
				require.Equal(t, "01REQ", e.Ref, "GitLab's request id, for its admin")
			}
		})
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	driver, next := answering(t)
	soon := strconv.FormatInt(time.Now().Add(90*time.Second).Unix(), 10)
	for name, c := range map[string]struct {
		header   map[string]string
		from, to time.Duration
	}{
		"retry-after":       {map[string]string{"Retry-After": "7", "RateLimit-Reset": soon}, 7 * time.Second, 7 * time.Second},
		"reset alone":       {map[string]string{"RateLimit-Reset": soon}, time.Second, 90 * time.Second},
		"reset in the past": {map[string]string{"RateLimit-Reset": "12"}, 0, 0},
		"reset far away":    {map[string]string{"RateLimit-Reset": "99999999999"}, time.Hour, time.Hour},
		"no number":         {map[string]string{"RateLimit-Reset": "soon"}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			next.Store(&answer{429, c.header, `{"message":{"error":"This endpoint has been requested too many times. Try again later."}}`})
			_, err := driver.Create(t.Context(), draft())
			e := fault.From(err)
			require.Equal(t, fault.RateLimited, e.Kind)
			require.False(t, e.Unsure)
			require.GreaterOrEqual(t, e.RetryAfter, c.from)
			require.LessOrEqual(t, e.RetryAfter, c.to)
		})
	}
}

// Whatever GitLab, or something in front of it, answers to a create: no
// panic, and nothing but a refusal or an issue with a number is certain.
func FuzzCreateReply(f *testing.F) {
	f.Add(201, `{"iid":1,"labels":["a"],"moved_to_id":null}`)
	f.Add(400, `{"message":{"title":["can't be blank"]}}`)
	f.Add(400, `{"message":[[["x"]]],"error":{"a":{"b":[1]}}}`)
	f.Add(200, `<html>`)
	f.Add(502, ``)
	for _, text := range boundtest.JSON() {
		f.Add(201, text)
	}
	f.Add(400, boundtest.Fill(`{"message":{"title":[`, `"\u003c\u003c",`, `""]}}`))
	driver, next := answering(f)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 || status == 204 || status == 304 {
			t.Skip("not a status of a reply with a body")
		}
		next.Store(&answer{status: status, body: body})
		var made targets.Issue
		var err error
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 512 << 10, PerByte: 12}, func() { made, err = driver.Create(t.Context(), draft()) })
		switch targets.OutcomeOf(err) {
		case targets.OutcomeDone:
			if status >= 300 || made.ID == "0" {
				t.Fatalf("status %d is no success: %+v", status, made)
			}
		case targets.OutcomeNotDone:
			if status < 300 || status >= 500 && status != 503 {
				t.Fatalf("status %d leaves it open", status)
			}
		case targets.OutcomeUnknown:
		}
	})
}
