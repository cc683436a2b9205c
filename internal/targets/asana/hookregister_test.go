package asana_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/asana/asanafake"
	"pushbutton/internal/targets/targettest"
)

// plugin answers handshakes, as another process than the one that registers may.
type plugin struct {
	url    string
	target *targets.Target

	mu      sync.Mutex
	secrets []string
	deaf    bool
}

func newPlugin(t *testing.T, target *targets.Target) *plugin {
	t.Helper()
	p := &plugin{target: target}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.url = srv.URL
	return p
}

func (p *plugin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	signing, answer, ok := p.target.Handshake(targets.Hook{Header: r.Header, Body: body})
	if !ok || p.deaf {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	p.secrets = append(p.secrets, signing.Reveal())
	maps.Copy(w.Header(), answer)
}

func (p *plugin) heard() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.secrets
}

func (p *plugin) wanted(token, id string) targets.HookWanted {
	prefix := p.url + "/hooks/in1/"
	return targets.HookWanted{URL: prefix + token, Prefix: prefix, ID: id}
}

func hookTarget(t *testing.T) (*asanafake.Server, *targets.Target, *plugin) {
	t.Helper()
	s := asanafake.New(t)
	s.PageSize = 1 // whoever does not turn pages is found out
	target := targettest.Open(t, asanafake.Harness().Kind, asanafake.Account(asanafake.Token, asanafake.Project), s.URL)
	return s, target, newPlugin(t, target)
}

func TestRegisterHook(t *testing.T) {
	t.Parallel()
	type hook = asanafake.Webhook
	ours := func(p *plugin, do func(*hook) bool) func(*hook) bool {
		return func(h *hook) bool { return h.Target != p.wanted("t1", "").URL || do(h) }
	}
	for name, c := range map[string]struct {
		between func(s *asanafake.Server, p *plugin)
		token   string
		forget  bool
		kept    bool
	}{
		"nothing changed": {token: "t1", kept: true},
		"id forgotten":    {token: "t1", forget: true}, // nobody can tell its secret again
		"another token":   {token: "t2"},
		"inactive": {token: "t1", between: func(s *asanafake.Server, p *plugin) {
			s.ChangeWebhooks(ours(p, func(h *hook) bool { h.Active = false; return true }))
		}},
		"failing": {token: "t1", between: func(s *asanafake.Server, p *plugin) {
			s.ChangeWebhooks(ours(p, func(h *hook) bool { h.Failing = true; return true }))
		}},
		"of another project": {token: "t1", between: func(s *asanafake.Server, p *plugin) {
			s.ChangeWebhooks(ours(p, func(h *hook) bool { h.Resource = asanafake.Archived; return true }))
		}},
		"deleted": {token: "t1", between: func(s *asanafake.Server, p *plugin) {
			s.ChangeWebhooks(ours(p, func(*hook) bool { return false }))
		}},
		"doubled": {token: "t1", kept: true, between: func(s *asanafake.Server, p *plugin) {
			s.AddWebhook(hook{Target: p.wanted("old", "").URL, Resource: asanafake.Project, Active: true})
			s.AddWebhook(hook{Target: p.wanted("t1", "").URL, Resource: asanafake.Archived, Active: true})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, target, p := hookTarget(t)
			s.AddWebhook(hook{Target: "https://example.com/", Resource: asanafake.Project, Active: true})
			s.AddWebhook(hook{Target: p.url + "/hooks/in12/t", Resource: asanafake.Project})
			foreign := s.Webhooks()
			first, able, err := target.RegisterHook(t.Context(), p.wanted("t1", ""))
			require.NoError(t, err)
			require.True(t, able)
			if c.between != nil {
				c.between(s, p)
			}
			want := p.wanted(c.token, first.ID)
			if c.forget {
				want.ID = ""
			}
			again, _, err := target.RegisterHook(t.Context(), want)
			require.NoError(t, err)
			require.Equal(t, c.kept, again.ID == first.ID)
			all := s.Webhooks()
			require.Len(t, all, 3)
			require.Equal(t, foreign, all[:2])
			made := all[2]
			require.Equal(t, []any{again.ID, want.URL, asanafake.Project, true, 5}, []any{made.GID, made.Target, made.Resource, made.Active, len(made.Filters)})
			heard := p.heard()
			require.Equal(t, made.Secret, heard[len(heard)-1])
			require.Equal(t, c.kept, len(heard) == 1)

			for range 2 { // what is gone is no error
				able, err := target.RemoveHook(t.Context(), again.ID, want.Prefix)
				require.NoError(t, err)
				require.True(t, able)
				require.Equal(t, foreign, s.Webhooks())
			}
		})
	}
}

func TestRegisterHookRefusals(t *testing.T) {
	t.Parallel()
	s, target, p := hookTarget(t)
	p.deaf = true
	_, _, err := target.RegisterHook(t.Context(), p.wanted("t1", ""))
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	require.Contains(t, fault.From(err).Public, "PLUGIN_PUBLIC_URL")
	s.NoWebhooks = true
	_, _, err = target.RegisterHook(t.Context(), p.wanted("t1", ""))
	require.Equal(t, fault.Forbidden, fault.KindOf(err))
	require.Contains(t, fault.From(err).Public, "webhooks:write")
	_, err = target.RemoveHook(t.Context(), "1", p.wanted("t1", "").Prefix)
	require.Equal(t, fault.Forbidden, fault.KindOf(err))
	require.Empty(t, s.Webhooks())
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	_, target, _ := hookTarget(t)
	require.True(t, target.ChoosesHookSecret())
	for name, c := range map[string]struct {
		header http.Header
		ok     bool
	}{
		"handshake":        {http.Header{"X-Hook-Secret": {"b537"}}, true},
		"event":            {http.Header{"X-Hook-Signature": {"b537"}}, false},
		"both":             {http.Header{"X-Hook-Secret": {"b537"}, "X-Hook-Signature": {"b537"}}, false},
		"empty":            {http.Header{"X-Hook-Secret": {""}}, false},
		"control sign":     {http.Header{"X-Hook-Secret": {"b5\r\n37"}}, false},
		"nothing":          {nil, false},
		"longer than ever": {http.Header{"X-Hook-Secret": {string(make([]byte, 300))}}, false},
	} {
		signing, answer, ok := target.Handshake(targets.Hook{Header: c.header, Body: []byte("{}")})
		require.Equal(t, c.ok, ok, name)
		if ok {
			require.Equal(t, "b537", signing.Reveal())
			require.Equal(t, http.Header{"X-Hook-Secret": {"b537"}}, answer)
		}
	}
}
