package jira_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/targettest"
	"pushbutton/internal/targets/text"
)

// Jira's own words about a field, or about the whole, are repeated with the
// field's name.
func TestRefusalsInJirasWords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, says string }{
		"a field":          {`{"errorMessages":[],"errors":{"customfield_10010":"Kunde ist gesperrt."}}`, `Jira: field "Customer": Kunde ist gesperrt. Ask`},
		"an unknown field": {`{"errorMessages":[],"errors":{"customfield_9":"Nope."}}`, `field "customfield_9": Nope. Ask`},
		"several":          {`{"errorMessages":["Stop."],"errors":{"summary":"Too odd.","customfield_9":"Nope."}}`, `Jira: Stop.; field "customfield_9": Nope; field "Summary": Too odd. Ask`},
		"the whole":        {`{"errorMessages":["Der Workflow erlaubt das nicht."],"errors":{}}`, "Jira: Der Workflow erlaubt das nicht. Ask your admin"},
		"errors nested":    {`{"errorMessages":[],"errors":{"x":{"y":1}}}`, "Jira refused the request."},
		"plain text":       {`Bad request`, "Jira refused the request."},
		"a web page":       {`<html><body>Bad request`, "Jira refused the request."},
		"nothing":          {``, "Jira refused the request."},
		"endless":          {`{"errorMessages":["` + strings.Repeat("äöü ", 500) + `"]}`, "äöü"},
		"the credential":   {`{"errorMessages":["Bad header Basic bWluZUBleGFtcGxlLmNvbTpBVEFUVDN4RmZHRjBtaW5lMDAwMDAwMDAwMDAwY2FmZQ=="]}`, "Bad header Basic [secret]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "cloud")
			proxy := targettest.NewProxy(t, r.URL)
			r.to = proxy.URL
			target := r.open(t, nil)
			require.NoError(t, target.Check(t.Context()))
			proxy.On(creates, targettest.Behaviour{Status: 400, Body: func(*http.Request) string { return c.body }})
			_, err := target.Create(t.Context(), draft())
			require.Error(t, err)
			require.Contains(t, fault.From(err).Public, c.says)
			require.LessOrEqual(t, utf8.RuneCountInString(fault.From(err).Public), text.MaxPublic)
			require.NotContains(t, err.Error(), "bWluZUBleGFtcGxl", "nor does the log have it")
			require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
		})
	}
}

func creates(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/issue")
}

// What Jira's statuses mean beyond what every server means.
func TestOddStatuses(t *testing.T) {
	t.Parallel()
	brief := time.Now().Add(6 * time.Minute).UTC().Format("2006-01-02T15:04Z")
	reset := time.Now().Add(90 * time.Second).UTC().Format(time.RFC3339)
	for name, c := range map[string]struct {
		do    targettest.Behaviour
		kind  fault.Kind
		says  string
		logs  string
		wait  time.Duration
		after targets.Outcome
	}{
		"burst limit": {do: targettest.Behaviour{Status: 429, Header: http.Header{"Retry-After": {"7"}, "Ratelimit-Reason": {"jira-burst-based"}}},
			kind: fault.RateLimited, says: "Push again in 7 seconds", logs: "jira-burst-based", wait: 7 * time.Second, after: targets.OutcomeNotDone},
		"limit with a date, without seconds": {do: targettest.Behaviour{Status: 429, Header: http.Header{"X-Ratelimit-Reset": {brief}}},
			kind: fault.RateLimited, says: "too many requests", wait: 4 * time.Minute, after: targets.OutcomeNotDone},
		"limit with a date": {do: targettest.Behaviour{Status: 429, Header: http.Header{"X-Ratelimit-Reset": {reset}, "Ratelimit-Reason": {"jira-quota-global-based"}}},
			kind: fault.RateLimited, says: "too many requests", logs: "jira-quota-global-based", wait: 80 * time.Second, after: targets.OutcomeNotDone},
		"503 before it looked": {do: targettest.Behaviour{Status: 503, Header: http.Header{"Retry-After": {"5"}}},
			kind: fault.Unavailable, says: "not working", wait: 5 * time.Second, after: targets.OutcomeNotDone},
		"503 of nobody knows whom": {do: targettest.Behaviour{Status: 503}, kind: fault.Unavailable, says: "not working", after: targets.OutcomeUnknown},
		"CAPTCHA": {do: targettest.Behaviour{Status: 403, Header: http.Header{"X-Authentication-Denied-Reason": {"CAPTCHA_CHALLENGE; login-url=https://jira/login.jsp"}}},
			kind: fault.Unauthorized, says: "CAPTCHA", after: targets.OutcomeNotDone},
		"missing scope": {do: targettest.Behaviour{Status: 401, Body: func(*http.Request) string { return `{"code":401,"message":"Unauthorized; scope does not match"}` }},
			kind: fault.Forbidden, says: "write:jira-work", after: targets.OutcomeNotDone},
		"wrong token":   {do: targettest.Behaviour{Status: 401}, kind: fault.Unauthorized, says: "refused the API token", after: targets.OutcomeNotDone},
		"no permission": {do: targettest.Behaviour{Status: 403}, kind: fault.Forbidden, says: "in project ENG", after: targets.OutcomeNotDone},
		"login page":    {do: targettest.Behaviour{Status: 302, Header: http.Header{"Location": {"/login"}}}, kind: fault.Invalid, says: "leads elsewhere", after: targets.OutcomeNotDone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "cloud")
			proxy := targettest.NewProxy(t, r.URL)
			r.to = proxy.URL
			target := r.open(t, nil)
			require.NoError(t, target.Check(t.Context()))
			proxy.On(creates, c.do)
			_, err := target.Create(t.Context(), draft())
			require.Error(t, err)
			e := fault.From(err)
			require.Equal(t, c.kind, e.Kind, err)
			require.Contains(t, e.Public, c.says)
			require.Contains(t, err.Error(), c.logs)
			require.GreaterOrEqual(t, e.RetryAfter, c.wait)
			require.Equal(t, c.after, targets.OutcomeOf(err))
		})
	}
}

// A proxy's 404 is no word of Jira's about a project.
func TestAnAddressThatIsNoJira(t *testing.T) {
	t.Parallel()
	r := newRig(t, "cloud")
	proxy := targettest.NewProxy(t, r.URL)
	r.to = proxy.URL
	target := r.open(t, nil)
	for status, c := range map[int]struct{ body, says string }{
		404: {"<html>Not here", "Something in front of Jira answered (HTTP 404, a web page)"},
		200: {`{"hello":"world"}`, "does not answer as Jira does"},
	} {
		proxy.On(targettest.Any, targettest.Behaviour{Status: status, Body: func(*http.Request) string { return c.body }})
		_, err := target.Create(t.Context(), draft())
		require.Error(t, err)
		require.Contains(t, fault.From(err).Public, c.says)
	}
}

// proxied starts a fake behind a proxy, and opens a target that knows its
// project already.
func proxied(t *testing.T, edition string) (*targettest.Proxy, *targets.Target) {
	t.Helper()
	r := newRig(t, edition)
	proxy := targettest.NewProxy(t, r.URL)
	r.to = proxy.URL
	target := r.open(t, nil)
	require.NoError(t, target.Check(t.Context()))
	return proxy, target
}

// A refusal with a reason: the admin reads Jira's, not ours about permissions.
func TestForbiddenForAReason(t *testing.T) {
	t.Parallel()
	const allowList = "The IP address has been rejected because it is not on the allowed list. See your admin for more information."
	for name, c := range map[string]struct{ body, says string }{
		"IP allow list":         {`{"errorMessages":["` + allowList + `"],"errors":{}}`, "Jira: " + strings.TrimSuffix(allowList, ".") + ". Ask a Jira admin"},
		"terms":                 {`{"errorMessages":["The terms of service have not been accepted."],"errors":{}}`, "Jira: The terms of service have not been accepted. Ask a Jira admin"},
		"archived project":      {`{"errorMessages":[],"errors":{"project":"The project ENG is archived."}}`, "Jira: The project ENG is archived. Ask"},
		"gateway":               {`{"code":403,"message":"The app is not installed on this instance"}`, "Jira: The app is not installed on this instance. Ask"},
		"no reason":             {`{"errorMessages":[],"errors":{}}`, "permissions to browse, create"},
		"nothing":               {"", "permissions to browse, create"},
		"a firewall":            {"<html>Request blocked", "Something in front of Jira answered (HTTP 403, a web page)"},
		"a firewall that talks": {`{"message":"Forbidden"}`, "Something in front of Jira answered (HTTP 403, not in Jira's words)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, target := proxied(t, "cloud")
			proxy.On(creates, targettest.Behaviour{Status: 403, Body: func(*http.Request) string { return c.body }})
			_, err := target.Create(t.Context(), draft())
			require.Error(t, err)
			require.Contains(t, fault.From(err).Public, c.says)
			require.LessOrEqual(t, utf8.RuneCountInString(fault.From(err).Public), text.MaxPublic)
		})
	}
}

// Atlassian's outage page is nobody's permission, and Tomcat's own page is a
// refused credential.
func TestPages(t *testing.T) {
	t.Parallel()
	const page = "<!DOCTYPE html><html><head><title>Page unavailable | Atlassian</title></head></html>"
	for _, edition := range []string{"cloud", "datacenter"} {
		for status, kind := range map[int]fault.Kind{403: fault.Intermediary, 404: fault.Intermediary, 410: fault.Intermediary, 500: fault.Intermediary, 503: fault.Intermediary, 401: fault.Unauthorized} {
			proxy, target := proxied(t, edition)
			proxy.On(targettest.Any, targettest.Behaviour{Status: status, Header: http.Header{"Content-Type": {"text/html;charset=utf-8"}}, Body: func(*http.Request) string { return page }})
			for op, err := range map[string]error{"check": target.Check(t.Context()), "create": func() error { _, err := target.Create(t.Context(), draft()); return err }()} {
				require.Error(t, err)
				require.Equal(t, kind, fault.KindOf(err), "%s, %s, %d: %v", edition, op, status, err)
				require.NotContains(t, fault.From(err).Public, "permission")
			}
		}
	}
}
