package httptarget_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/httptarget"
	"pushbutton/internal/targets/text"
)

func presetList(s string) string {
	var names []string
	all, _ := httptarget.Presets()
	for _, p := range all {
		names = append(names, p.Name)
	}
	return strings.Replace(s, "PRESETS", strings.Join(names, ", "), 1)
}

// server answers every request with what answer says and keeps the last.
type server struct {
	*httptest.Server
	status int
	header http.Header
	body   string
	path   map[string]string // bodies by "METHOD /path", before body

	last     *http.Request
	lastBody []byte
	hits     int
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{status: 200}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.last, s.hits = r, s.hits+1
		s.lastBody, _ = io.ReadAll(r.Body)
		maps.Copy(w.Header(), s.header)
		w.WriteHeader(s.status)
		body, ok := s.path[r.Method+" "+r.URL.EscapedPath()]
		if !ok {
			body = s.body
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

func deps(t *testing.T) targets.Deps {
	t.Helper()
	client := outbound.New(&outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(client.Close)
	return targets.Deps{HTTP: client}
}

func mustOpen(t *testing.T, settings m, creds map[string]string) *targets.Target {
	t.Helper()
	target, err := open(t, settings, creds, deps(t))
	require.NoError(t, err)
	return target
}

func draft() targets.Draft {
	return targets.Draft{Marker: targets.NewMarker("http", "entity", 1), Title: `A "wish"`, Link: "https://example.productboard.com/1",
		Description: richtext.Join(richtext.Paragraph(richtext.Text("As "), richtext.Bold("they"), richtext.Text(" said."))),
		Labels:      []string{"one", "two"}, Reporter: "Jane Doe <jane@example.com>"}
}

// Whoever receives the push in their own code gets all of it, signed.
func TestDefaultBodySigned(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.body = "thanks" // nobody reads it
	target := mustOpen(t, m{"sign": "standard-webhooks", "create": m{"url": s.URL + "/hook"}, "fields": m{"Effort": `{{field "Effort"}}`, "Team": "{{.Owner.Name}}", "Done": "yes"},
		"fieldTypes": m{"effort": "number", "Done": "bool"}}, map[string]string{"signingSecret": whsec})
	d, err := target.Draft(draft().Marker, targets.Item{Name: `A "wish"`, HTML: "<p>As <b>they</b> said.</p>", Link: draft().Link, Tags: []string{"one", "two"},
		Pusher: targets.Person{Name: "Jane Doe", Email: "jane@example.com"}, Owner: targets.Person{Name: "Joe"}, Fields: map[string]targets.FieldText{"Effort": {Texts: []string{"+.5"}}}})
	require.NoError(t, err)
	made, err := target.Create(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, targets.Issue{ID: string(d.Marker), Key: "Sent", Status: "Sent", Title: `A "wish"`}, made)

	golden(t, "default.json", s.lastBody)
	require.Equal(t, "POST", s.last.Method)
	require.Equal(t, "application/json", s.last.Header.Get("Content-Type"))
	require.Equal(t, string(d.Marker), s.last.Header.Get("webhook-id"), "a second try has the same id")
	assertSigned(t, s.last.Header, s.lastBody)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(want)), strings.TrimSpace(string(got)))
}

func assertSigned(t *testing.T, h http.Header, body []byte) {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(whsec, "whsec_"))
	require.NoError(t, err)
	want := hmacOf(key, h.Get("webhook-id")+"."+h.Get("webhook-timestamp")+"."+string(body))
	require.Equal(t, "v1,"+want, h.Get("webhook-signature"))
	require.NotEmpty(t, h.Get("webhook-timestamp"))
}

// Each answer to a create: what it means, whether the issue may exist, and
// what the person reads.
func TestAnswers(t *testing.T) {
	t.Parallel()
	retry := func(v string) http.Header { return http.Header{"X-Reset": {v}} }
	plain := http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	for name, c := range map[string]struct {
		status  int
		header  http.Header
		body    string
		kind    fault.Kind
		unsure  bool
		public  string
		waiting time.Duration
	}{
		"refused in words":     {400, nil, `{"errors": [{"message": "Name is too long."}, {"message": "No list."}]}`, fault.Invalid, false, "Tracker: Name is too long., No list. Ask your admin to change that in Tracker or in the integration's settings.", 0},
		"200 with errors":      {200, nil, `{"data": null, "errors": [{"message": "Bad column"}]}`, fault.Invalid, false, "Tracker: Bad column. Ask", 0},
		"errors beside it":     {200, nil, `{"data": {"id": "7"}, "errors": [{"message": "one field could not be read"}]}`, 0, false, "", 0},
		"200, code for limit":  {200, nil, `{"errors": [{"code": "rate_limited", "wait": 12}]}`, fault.RateLimited, false, "Push again in 12 seconds.", 12 * time.Second},
		"200, status inside":   {200, nil, `{"errors": [{"status": 503}]}`, fault.Unavailable, true, "Tracker cannot be reached or is not working", 0},
		"200, status 4xx":      {200, nil, `{"errors": [{"status": 403, "message": "Not yours"}]}`, fault.Forbidden, false, "Tracker: Not yours. Ask", 0},
		"code that leaves it":  {200, nil, `{"errors": [{"code": "INTERNAL"}]}`, fault.Unavailable, true, "Tracker cannot be reached", 0},
		"529":                  {529, retry("5"), "", fault.RateLimited, false, "Push again in 5 seconds.", 5 * time.Second},
		"500 with a sure code": {500, nil, `{"errors": [{"code": "INVALID", "message": "No such thing"}]}`, fault.Invalid, false, "Tracker: No such thing. Ask", 0},
		"500":                  {500, nil, `{"errors": [{"message": "x"}]}`, fault.Unavailable, true, "Tracker cannot be reached", 0},
		"plain text":           {400, plain, "invalid id", fault.Invalid, false, "Tracker: invalid id. Ask", 0},
		"plain text as a code": {401, plain, "no permission", fault.Forbidden, false, "Tracker: no permission. Ask", 0},
		"page":                 {400, http.Header{"Content-Type": {"text/html"}}, "<html>canary", fault.Invalid, false, "Tracker refused the request.", 0},
		"page as plain text":   {400, plain, "<html>canary", fault.Invalid, false, "Tracker refused the request.", 0},
		"long":                 {400, nil, `{"errors": [{"message": "` + strings.Repeat("é ", 400) + `"}]}`, fault.Invalid, false, "… Ask your admin", 0},
		"two lines":            {400, nil, `{"errors": [{"message": "a\nb"}]}`, fault.Invalid, false, "Tracker: a b. Ask", 0},
		"redirect":             {302, http.Header{"Location": {"/login"}}, `{"errors": [{"message": "moved"}]}`, fault.Invalid, false, "Tracker refused the request.", 0},
		"no id":                {200, nil, `{"data": {}}`, fault.Unavailable, true, "Tracker cannot be reached", 0},
		"not JSON":             {200, nil, `<html>`, fault.Unavailable, true, "Tracker cannot be reached", 0},
		"two values":           {200, nil, `{"data": {"id": 1}} {}`, fault.Unavailable, true, "Tracker cannot be reached", 0},
		"id no one can ask by": {200, nil, `{"data": {"id": "a/b"}}`, fault.Unavailable, true, "Tracker cannot be reached", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.status, s.header, s.body = c.status, c.header, c.body
			target := mustOpen(t, m{"name": "Tracker", "create": m{"url": s.URL, "at": "$.data"}, "issue": m{"id": "$.id", "idPattern": "[0-9]+"},
				"error": m{"message": []any{"$.errors[*].message"}, "code": "$.errors[0].code", "when": "$.errors[0]", "status": "$.errors[0].status", "plain": true, "retryAfter": "$.errors[0].wait",
					"kinds":    m{"RATE_LIMITED": "rateLimited", "INTERNAL": "unknown", "INVALID": "invalid", "no permission": "forbidden"},
					"statuses": m{"529": "rateLimited"}}}, nil)
			if c.header.Get("X-Reset") != "" {
				target = mustOpen(t, m{"name": "Tracker", "create": m{"url": s.URL}, "issue": m{"id": "$.id"}, "error": m{"retryAfter": "X-Reset", "statuses": m{"529": "rateLimited"}}}, nil)
			}
			made, err := target.Create(t.Context(), draft())
			if c.public == "" {
				require.NoError(t, err)
				require.Equal(t, "7", made.ID)
				return
			}
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err), err)
			require.Equal(t, c.unsure, fault.IsUnsure(err), err)
			require.Contains(t, fault.From(err).Public, c.public)
			require.LessOrEqual(t, len([]rune(fault.From(err).Public)), text.MaxPublic)
			require.NotContains(t, fault.From(err).Public, "canary")
			require.Equal(t, c.waiting, fault.From(err).RetryAfter)
		})
	}
}

// Secrets are masked in every form that a template gives them.
func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const key, pass = "canary/key+1", "canary-password"
	basic := base64.StdEncoding.EncodeToString([]byte("me:" + pass))
	target := mustOpen(t, m{"name": "Tracker", "create": m{"url": s.URL + `/{{secret "key"}}?k={{secret "key"}}`, "headers": m{"Authorization": `Basic {{base64 (printf "me:%s" (secret "pass"))}}`}},
		"error": m{"message": []any{"$.error"}}}, map[string]string{"key": key, "pass": pass})
	for _, leak := range []string{key, "canary%2Fkey%2B1", "canary%2Fkey+1", pass, basic} {
		said, err := json.Marshal(m{"error": "you sent " + leak})
		require.NoError(t, err)
		s.status, s.body, s.header = 400, string(said), http.Header{"X-Request-Id": {leak}}
		_, err = target.Create(t.Context(), draft())
		require.Error(t, err)
		require.Equal(t, "Basic "+basic, s.last.Header.Get("Authorization"))
		for _, text := range []string{err.Error(), fault.From(err).Public, fault.From(err).Ref} {
			require.NotContains(t, text, leak)
		}
		require.Contains(t, fault.From(err).Public, "you sent [secret]")
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	marker := string(draft().Marker)
	s := newServer(t)
	find := m{"url": s.URL + `/find?m={{.Marker}}&c={{.Cursor}}`, "list": "$.list", "marker": "$.ref", "sort": "$.at", "next": "$.next", "most": 2}
	settings := m{"name": "Tracker", "create": m{"url": s.URL}, "find": find, "check": m{"url": s.URL + "/me", "expect": "$.me"}, "issue": m{"id": "$.id", "status": "$.s", "title": "$.t"}}
	good := m{"id": 1, "ref": marker, "s": "New", "t": "x"}
	page := func(next any, list ...any) string {
		raw, err := json.Marshal(m{"list": list, "next": next})
		require.NoError(t, err)
		return string(raw)
	}
	for name, c := range map[string]struct {
		find, me string
		want     []string
		public   string
	}{
		"one":                   {page(nil, good), "", []string{"1"}, ""},
		"oldest first":          {page(nil, m{"id": 10, "ref": marker, "at": 10, "s": "a", "t": "b"}, m{"id": 9, "ref": marker, "at": 9, "s": "a", "t": "b"}), "", []string{"9", "10"}, ""},
		"others are left out":   {page(nil, m{"id": 2, "ref": marker + "x"}, good), "", []string{"1"}, ""},
		"none":                  {`{"list": []}`, `{"me": 1}`, nil, ""},
		"none, key is no good":  {`{"list": []}`, `{}`, nil, "does not answer as described"},
		"no list":               {`{"lists": []}`, `{"me": 1}`, nil, "does not answer as described"},
		"list is none":          {`{"list": {}}`, `{"me": 1}`, nil, "does not answer as described"},
		"full, none":            {page(nil, m{"id": 2, "ref": "a"}, m{"id": 3, "ref": "b"}), `{"me": 1}`, nil, "lists as many issues as it can"},
		"full, one":             {page(nil, m{"id": 2, "ref": "a"}, good), "", []string{"1"}, ""},
		"endless pages":         {page("again", m{"id": 2, "ref": "a"}), `{"me": 1}`, nil, "lists as many issues as it can"},
		"without an id":         {page(nil, m{"ref": marker}), "", nil, "does not answer as described"},
		"marker is not a text":  {page(nil, m{"id": 2, "ref": []any{marker}}), `{"me": 1}`, nil, ""},
		"next says no":          {page(false, good), "", []string{"1"}, ""},
		"found on a later page": {page("2", m{"id": 2, "ref": "a"}), "", []string{"1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s.path = map[string]string{"GET /me": c.me, "GET /find": c.find}
			target := mustOpen(t, settings, nil)
			if name == "found on a later page" {
				last := page(nil, good)
				later := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Query().Get("c") == "2" {
						_, _ = io.WriteString(w, last)
						return
					}
					_, _ = io.WriteString(w, c.find)
				}))
				defer later.Close()
				own := m{"url": later.URL + "?m={{.Marker}}&c={{.Cursor}}", "list": "$.list", "marker": "$.ref", "next": "$.next"}
				target = mustOpen(t, m{"name": "Tracker", "create": m{"url": s.URL}, "find": own, "issue": settings["issue"]}, nil)
			}
			all, able, err := target.FindAll(t.Context(), draft().Marker)
			require.True(t, able)
			if c.public != "" {
				require.Error(t, err)
				require.Contains(t, fault.From(err).Public, c.public)
				require.False(t, fault.IsUnsure(err))
				return
			}
			require.NoError(t, err)
			var ids []string
			for _, i := range all {
				ids = append(ids, i.ID)
			}
			require.Equal(t, c.want, ids)
		})
	}
}

// What is wrong with a check is said in the description's own words.
func TestCheckSays(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	target := mustOpen(t, m{"name": "Tracker", "create": m{"url": s.URL}, "check": []any{m{"url": s.URL + "/me", "expect": "$.id"},
		m{"url": s.URL + "/list", "expect": "$.id", "refuse": "$.closed", "says": "The list is closed."}}}, nil)
	s.path = map[string]string{"GET /me": `{"id": 1}`, "GET /list": `{"id": 1, "closed": false}`}
	require.NoError(t, target.Check(t.Context()))
	for _, body := range []string{`{"id": 1, "closed": true}`, `{}`, "not JSON"} {
		s.path["GET /list"] = body
		err := target.Check(t.Context())
		require.Error(t, err)
		require.Equal(t, "Tracker: The list is closed.", fault.From(err).Public)
	}
	s.path["GET /list"] = "<html>log in"
	require.Contains(t, fault.From(target.Check(t.Context())).Public, "answered with a web page", "nor what a page in front of it says")
	s.path["GET /list"], s.status = "", 503
	require.Contains(t, fault.From(target.Check(t.Context())).Public, "not working", "not what it says of itself")
}

// A close that says yes and does nothing is told.
func TestCloseLooksAfterwards(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	target := mustOpen(t, m{"name": "Tracker", "create": m{"url": s.URL}, "issue": m{"id": "$.id", "status": "$.s", "title": "$.t", "done": []any{"Closed", "$.archived", "$.kind == gone"}},
		"read": m{"url": s.URL + "/{{.ID}}", "missing": "$.error"}, "close": m{"url": s.URL + "/{{.ID}}/close"}}, nil)
	for body, kind := range map[string]fault.Kind{
		`{"id": 1, "s": "closed", "t": "x"}`: 0, `{"id": 1, "s": "Open", "archived": true}`: 0, `{"id": 1, "s": "Open", "kind": "gone"}`: 0,
		`{"id": 1, "s": "Open", "archived": false, "kind": "here"}`: fault.Forbidden, `{"error": "no such issue"}`: fault.NotFound, `{}`: fault.Invalid,
	} {
		s.path = map[string]string{"POST /1/close": "", "GET /1": body}
		_, err := target.Close(t.Context(), "1")
		if kind == 0 {
			require.NoError(t, err, body)
			continue
		}
		require.Error(t, err, body)
		require.Equal(t, kind, fault.KindOf(err), body)
	}
	before := s.hits
	for _, id := range []string{"", ".", "..", "a\nb", strings.Repeat("1", 201)} {
		_, err := target.Close(t.Context(), id)
		require.Equal(t, fault.NotFound, fault.KindOf(err), id)
	}
	require.Equal(t, before, s.hits, "not asked for")
}

func TestUpdateKeepsWhatIsNotAnswered(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.status = 204
	target := mustOpen(t, m{"name": "Tracker", "create": m{"url": s.URL}, "issue": m{"id": "$.id"}, "format": "html",
		"update": m{"url": s.URL + "/{{.ID}}", "body": `{"title": {{.Title}}, "text": {{.Description}}}`}}, nil)
	got, able, err := target.Update(t.Context(), "7", draft())
	require.True(t, able)
	require.NoError(t, err)
	require.Equal(t, targets.Issue{ID: "7", Key: "7", Title: `A "wish"`}, got)
	require.Equal(t, "PUT", s.last.Method)
	require.Contains(t, string(s.lastBody), `<p>As <strong>they</strong> said.</p>`)
}

// A format is what the description says; ADF is a value, not a text.
func TestFormats(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for format, want := range map[string]string{
		"": "As **they** said.", "markdown": "As **they** said.", "html": "As <strong>they</strong> said.", "wiki": "As *they* said.", "textile": "As *they* said.", "redcarpet": "As **they** said.", "plain": "As they said.",
		"adf": `{"text":{"version":1,"type":"doc"`,
	} {
		settings := m{"create": m{"url": s.URL, "body": `{"text":{{.Description}}}`}}
		if format != "" {
			settings["format"] = format
		}
		_, err := mustOpen(t, settings, nil).Create(t.Context(), draft())
		require.NoError(t, err)
		require.Contains(t, string(s.lastBody), want, format)
	}
}

func hmacOf(key []byte, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
