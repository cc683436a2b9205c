package github_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/github/githubfake"
)

// say answers every create with one reply.
func say(t *testing.T, status int, header map[string]string, body string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	const at = "Sat, 31 Jan 2026 12:00:00 GMT" // 1769860800
	// GitHub names what would do beside every refusal, whatever the reason is.
	needs := map[string]string{"X-Accepted-GitHub-Permissions": "issues=write"}
	for name, c := range map[string]struct {
		status int
		header map[string]string
		file   string
		kind   fault.Kind
		after  time.Duration
		says   string
	}{
		"primary limit":       {403, map[string]string{"Date": at, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1769861100"}, "primary.json", fault.RateLimited, 5 * time.Minute, "Push again in 5 minutes."},
		"limit already over":  {429, map[string]string{"Date": at, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1769860000"}, "primary.json", fault.RateLimited, time.Second, "too many requests"},
		"reset is nonsense":   {403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, "primary.json", fault.RateLimited, time.Minute, "too many requests"},
		"reset is far away":   {403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9999999999"}, "primary.json", fault.RateLimited, time.Hour, "too many requests"},
		"secondary limit":     {403, map[string]string{"X-RateLimit-Remaining": "4000"}, "secondary.json", fault.RateLimited, time.Minute, "Push again in 60 seconds."},
		"secondary, timed":    {403, map[string]string{"Retry-After": "90"}, "secondary.json", fault.RateLimited, 90 * time.Second, "Push again in 90 seconds."},
		"secondary as 429":    {429, nil, "secondary.json", fault.RateLimited, time.Minute, "too many requests"},
		"too quickly":         {403, nil, "quick403.json", fault.RateLimited, time.Minute, "Push again in 60 seconds."},
		"too quickly as 422":  {422, nil, "quick422.json", fault.RateLimited, time.Minute, "Push again in 60 seconds."},
		"too quickly, timed":  {422, map[string]string{"Retry-After": "90"}, "quick422.json", fault.RateLimited, 90 * time.Second, "Push again in 90 seconds."},
		"too quickly, soon":   {403, map[string]string{"Retry-After": "5"}, "quick403.json", fault.RateLimited, time.Minute, "Push again in 60 seconds."},
		"single sign-on":      {403, map[string]string{"X-GitHub-SSO": "required; url=https://github.com/orgs/acme/sso?x=1"}, "sso.json", fault.Forbidden, 0, "GitHub: Resource protected by organization SAML enforcement."},
		"permission":          {403, needs, "forbidden.json", fault.Forbidden, 0, "GitHub: Resource not accessible by personal access token (the token in acme/app, it needs the permission issues=write). Ask a GitHub admin to give it Issues: Read and write there."},
		"odd permission":      {403, map[string]string{"X-Accepted-GitHub-Permissions": "<script>"}, "forbidden.json", fault.Forbidden, 0, "GitHub: Resource not accessible by personal access token (the token in acme/app)."},
		"terms of service":    {403, needs, "terms.json", fault.Forbidden, 0, "GitHub: You must accept the new terms of service before you can continue (acme/app). Ask a GitHub admin to resolve this."},
		"account suspended":   {403, needs, "account.json", fault.Forbidden, 0, "GitHub: Sorry. Your account was suspended (acme/app)."},
		"IP allow list":       {403, needs, "allowlist.json", fault.Forbidden, 0, "the `acme` organization has an IP allow list enabled"},
		"trial over":          {403, needs, "trial.json", fault.Forbidden, 0, "GitHub: Your trial of GitHub Enterprise Cloud has expired (acme/app)."},
		"archived":            {403, needs, "archived.json", fault.Forbidden, 0, "GitHub: Repository was archived so is read-only (acme/app)."},
		"blocked":             {403, nil, "blocked.json", fault.Forbidden, 0, "GitHub: Repository access blocked (acme/app)."},
		"blocked by law":      {451, nil, "blocked.json", fault.Invalid, 0, "GitHub: Repository access blocked (acme/app)."},
		"no reason":           {403, needs, "empty", fault.Forbidden, 0, "GitHub does not allow this to the token in acme/app. Ask a GitHub admin to give it Issues: Read and write there."},
		"not visible":         {404, nil, "notfound.json", fault.NotFound, 0, "GitHub has no repository acme/app, or does not show it to the token."},
		"issues off":          {410, nil, "gone.json", fault.NotFound, 0, "Issues are switched off in the GitHub repository acme/app."},
		"field":               {422, nil, "assignees.json", fault.Invalid, 0, "GitHub: field 'assignees' is not valid in acme/app. Ask your admin"},
		"own words":           {422, nil, "custom.json", fault.Invalid, 0, "GitHub: body is too long (maximum is 65536 characters), field 'milestone' names something that does not exist in acme/app."},
		"sentence for errors": {422, nil, "sentence.json", fault.Invalid, 0, "GitHub: Could not resolve to a node in acme/app."},
		"message alone":       {422, nil, "message.json", fault.Invalid, 0, "GitHub: Invalid request in acme/app."},
		"unicorn":             {502, nil, "unicorn.html", fault.Intermediary, 0, "Something in front of GitHub answered (HTTP 502, a web page), not GitHub itself."},
		"outage page":         {503, nil, "unicorn.html", fault.Intermediary, 0, "Something in front of GitHub answered (HTTP 503, a web page)"},
		"a firewall's page":   {403, map[string]string{"Retry-After": "7"}, "unicorn.html", fault.Intermediary, 7 * time.Second, "Something in front of GitHub answered (HTTP 403, a web page)"},
		"a gateway's 404":     {404, nil, "gateway.json", fault.Intermediary, 0, "Something in front of GitHub answered (HTTP 404, not in GitHub's words)"},
		"server error":        {502, nil, "server.json", fault.Unavailable, 0, "GitHub cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join("testdata", "errors", c.file))
			if c.file != "empty" {
				require.NoError(t, err)
			}
			target := open(t, say(t, c.status, c.header, string(body)), githubfake.WithToken("acme/app", githubfake.MineToken))
			_, err = target.Create(t.Context(), draft())
			require.Error(t, err)
			got := fault.From(err)
			require.Equal(t, c.kind, got.Kind, err)
			require.Equal(t, c.after, got.RetryAfter)
			require.Contains(t, got.Public, c.says)
			want := targets.OutcomeNotDone
			if c.status == 502 || c.kind == fault.Intermediary { // the reply may be what was lost
				want = targets.OutcomeUnknown
			}
			require.Equal(t, want, targets.OutcomeOf(err))
		})
	}
}
