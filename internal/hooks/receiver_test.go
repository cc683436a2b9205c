package hooks

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

type answered = *httptest.ResponseRecorder

const (
	address = Path + acme + "/" + token
	good    = `{"issues": ["7", "8"], "delivery": "d1"}`
)

func TestAWebhookIsOneHint(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	rec := r.post(address, signer, good)
	require.Equal(t, http.StatusNoContent, rec.Code)
	require.Empty(t, rec.Body.String())
	require.Len(t, r.hints, 1)
	require.Equal(t, []string{"7", "8"}, r.hints[0].Issues)
	require.Equal(t, Ref{"acme", acme}, Ref{r.hints[0].Tenant, r.hints[0].Integration})
	require.Zero(t, r.reads, "nothing was in doubt")

	r.replay = true
	require.Equal(t, http.StatusNoContent, r.post(address, signer, good).Code)
	require.Equal(t, r.hints[0].Delivery, r.hints[1].Delivery)
	require.Equal(t, http.StatusNoContent, r.post(address, signer, `{}`).Code, "a ping")
	require.Empty(t, r.hints[2].Delivery)
	require.Equal(t, []Outcome{Taken, Replay, Replay}, r.outcomes)
}

// TestWhatProvesNothing: strangers all get the same answer, and nothing happens.
func TestWhatProvesNothing(t *testing.T) {
	t.Parallel()
	for name, post := range map[string]func(r *rig) answered{
		"unknown integration":   func(r *rig) answered { return r.post(Path+strings.Repeat("a", 26)+"/"+token, signer, good) },
		"no id":                 func(r *rig) answered { return r.post(Path+"%2e%2e/"+token, signer, good) },
		"wrong token":           func(r *rig) answered { return r.post(Path+acme+"/another", signer, good) },
		"longer token":          func(r *rig) answered { return r.post(address+"%00", signer, good) },
		"another tenant's":      func(r *rig) answered { return r.post(Path+other+"/"+token, signer, good) },
		"another's secret":      func(r *rig) answered { return r.post(address, "another secret", good) },
		"no signature":          func(r *rig) answered { return r.post(address, signer, good, "X-Signature", "") },
		"another body's":        func(r *rig) answered { return r.post(address, signer, good, "X-Signature", sign(signer, "{}")) },
		"handshake of nobody's": func(r *rig) answered { return r.post(address, "x", good, "X-Secret", "mine") },
		"mode off": func(r *rig) answered {
			r.change(func(in *tenants.Integration) { in.Hooks = tenants.HooksOff })
			return r.post(address, signer, good)
		},
		"no webhook": func(r *rig) answered {
			r.change(func(in *tenants.Integration) { in.Hook = nil })
			return r.post(Path+acme+"/x", signer, good)
		},
		"no secret yet": func(r *rig) answered {
			r.change(func(in *tenants.Integration) { in.Hook.Secret = secret.String{} })
			return r.post(address, "", good)
		},
		"former secret, ended": func(r *rig) answered {
			r.change(func(in *tenants.Integration) { in.Hook.Former, in.Hook.FormerUntil = secret.New("old"), r.now })
			return r.post(address, "old", good)
		},
		"former, without an end": func(r *rig) answered {
			r.change(func(in *tenants.Integration) { in.Hook.Former = secret.New("old") })
			return r.post(address, "old", good)
		},
		"no app":               func(r *rig) answered { return r.post(Path+"github", signer, good) },
		"app, wrong signature": func(r *rig) answered { return r.post(Path+"fake", "another", good) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			rec := post(r)
			require.Equal(t, http.StatusUnauthorized, rec.Code)
			require.Empty(t, rec.Body.String())
			require.Empty(t, rec.Header())
			require.Zero(t, r.stored[acme].Version, "nothing is stored")
			require.Empty(t, r.hints)
			require.Equal(t, []Outcome{Refused}, r.outcomes)
			for _, hidden := range []string{token, signer, "another secret", "another", "mine"} {
				require.NotContains(t, r.log.String(), `"`+hidden)
			}
		})
	}
}

// TestMalformedWebhooks: what the tracker does not send is refused by its form.
func TestMalformedWebhooks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body   string
		status int
		header []string
	}{
		"2 MB":              {strings.Repeat(" ", 2<<20), http.StatusRequestEntityTooLarge, nil},
		"1 MB and a byte":   {strings.Repeat(" ", targets.MaxHook+1), http.StatusRequestEntityTooLarge, nil},
		"no JSON":           {"{", http.StatusBadRequest, nil},
		"empty":             {"", http.StatusBadRequest, nil},
		"20,001 values":     {"[" + strings.Repeat("0,", 20_000) + "0]", http.StatusBadRequest, nil},
		"deep":              {strings.Repeat("[", 1000) + strings.Repeat("]", 1000), http.StatusBadRequest, nil},
		"an id of no issue": {`{"issues": ["` + strings.Repeat("x", 300) + `"]}`, http.StatusBadRequest, nil},
		"gzip":              {good, http.StatusUnsupportedMediaType, []string{"Content-Encoding", "gzip"}},
	} {
		for where, at := range map[string]string{"own": address, "shared": Path + "fake"} {
			t.Run(name+", "+where, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				rec := r.post(at, signer, c.body, c.header...)
				require.Equal(t, c.status, rec.Code)
				require.Empty(t, rec.Body.String())
				require.Empty(t, r.hints)
				require.Equal(t, []Outcome{Invalid}, r.outcomes)
			})
		}
	}
}

func TestOnlyPostIsTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch} {
		rec := httptest.NewRecorder()
		r.http.ServeHTTP(rec, httptest.NewRequest(method, address, nil))
		require.Contains(t, []int{http.StatusMethodNotAllowed, http.StatusNoContent}, rec.Code, method)
	}
	for _, path := range []string{Path, "/hooks", address + "/more", Path + "a//" + token, "//hooks/" + acme + "/" + token, Path + url.PathEscape(acme+"/"+token)} {
		require.Contains(t, []int{http.StatusNotFound, http.StatusUnauthorized}, r.post(path, signer, good).Code, path)
	}
	require.Empty(t, r.hints)
}

// TestNobodyWouldRead: a webhook is dropped where no issue is read back.
func TestNobodyWouldRead(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(r *rig, in *tenants.Integration){
		"disabled":      func(_ *rig, in *tenants.Integration) { in.Disabled = true },
		"being deleted": func(r *rig, in *tenants.Integration) { in.Deleting = r.now },
		"refresh off":   func(_ *rig, in *tenants.Integration) { in.Refresh.Off = true },
		"tenant suspended": func(r *rig, _ *tenants.Integration) {
			r.owners["acme"] = tenants.Tenant{ID: "acme", Suspended: &tenants.Suspension{}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.change(func(in *tenants.Integration) { change(r, in) })
			require.Equal(t, http.StatusNoContent, r.post(address, signer, good).Code)
			require.Equal(t, []Outcome{Ignored}, r.outcomes)
			require.Empty(t, r.hints)
		})
	}
}

func TestWhatIsNotKeptIsSentAgain(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]func(r *rig){
		"hints":        func(r *rig) { r.hintsErr = fault.Wrap(fault.Unavailable, "add", errors.New("redis")) },
		"integrations": func(r *rig) { r.away = fault.Wrap(fault.Unavailable, "find", errors.New("redis")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			broken(r)
			rec := r.post(address, signer, good)
			require.Equal(t, http.StatusServiceUnavailable, rec.Code)
			require.NotEmpty(t, rec.Header().Get("Retry-After"))
			require.Empty(t, rec.Body.String())
			require.Equal(t, []Outcome{Failed}, r.outcomes)
		})
	}
}

// TestAnotherProcessChangedIt: what is remembered may be seconds old.
func TestAnotherProcessChangedIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	in := r.stored[acme]
	in.Hook, in.Version = &tenants.Hook{Token: secret.New("fresh"), Secret: secret.New(signer)}, 1
	r.stored[acme] = in
	require.Equal(t, http.StatusNoContent, r.post(Path+acme+"/fresh", signer, good).Code)

	r = newRig(t)
	in = r.stored[acme]
	in.Hook, in.Version = &tenants.Hook{Token: secret.New(token), Secret: secret.New("fresh secret"), Handshake: r.now.Add(time.Minute)}, 1
	r.stored[acme] = in
	require.Equal(t, http.StatusNoContent, r.post(address, "fresh secret", good).Code)
	require.Equal(t, http.StatusOK, r.post(address, "", "", "X-Secret", "chosen").Code)
	require.Len(t, r.hints, 1)
}

func TestFormerSecret(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.change(func(in *tenants.Integration) {
		in.Hook.Former, in.Hook.FormerUntil = secret.New("old"), r.now.Add(time.Second)
	})
	require.Equal(t, http.StatusNoContent, r.post(address, "old", good).Code)
	require.Equal(t, http.StatusNoContent, r.post(address, signer, good).Code)
	require.Len(t, r.hints, 2)
}

// TestHandshake: a window takes one secret, and only until it ends.
func TestHandshake(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.change(func(in *tenants.Integration) { in.Hook.Handshake = r.now })
	require.Equal(t, http.StatusUnauthorized, r.post(address, "", "", "X-Secret", "late").Code)

	r.change(func(in *tenants.Integration) { in.Hook.Handshake = r.now.Add(time.Second) })
	require.Equal(t, http.StatusUnauthorized, r.post(Path+acme+"/x", "", "", "X-Secret", "mine").Code)
	rec := r.post(address, "", "", "X-Secret", "chosen")
	require.Equal(t, http.StatusOK, rec.Code)
	require.Equal(t, "chosen", rec.Header().Get("X-Secret"))
	require.Equal(t, "chosen", r.stored[acme].Hook.Secret.Reveal())
	require.Equal(t, signer, r.stored[acme].Hook.Former.Reveal(), "what is under way was signed with it")
	require.Equal(t, http.StatusUnauthorized, r.post(address, "", "", "X-Secret", "second").Code)
	require.Equal(t, http.StatusNoContent, r.post(address, "chosen", good).Code)
	require.NotContains(t, r.log.String(), "chosen")
}

func TestSharedWebhookIsSpread(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for id, tenant := range map[string]string{acme: "acme", other: "umbrella"} {
		in := r.stored[id]
		hook := *in.Hook
		hook.Route, in.Hook = "7/42", &hook
		r.put(in)
		require.NoError(t, r.routes.AddRoute(t.Context(), "fake", "7/42", Ref{tenant, id}))
	}
	gone, moved := Ref{"acme", strings.Repeat("b", 26)}, Ref{"umbrella", acme}
	for _, ref := range []Ref{gone, moved} {
		require.NoError(t, r.routes.AddRoute(t.Context(), "fake", "7/42", ref))
	}
	require.Equal(t, http.StatusNoContent, r.post(Path+"fake", signer, good, "X-Route", "7/42").Code)
	require.Len(t, r.hints, 2)
	refs, err := r.routes.ByRoute(t.Context(), "fake", "7/42")
	require.NoError(t, err)
	require.NotContains(t, refs, gone, "an entry that leads nowhere is removed")

	for _, route := range []string{"", "7/43", strings.Repeat("x", 1000)} {
		require.Equal(t, http.StatusNoContent, r.post(Path+"fake", signer, good, "X-Route", route).Code)
	}
	r.change(func(in *tenants.Integration) { in.Disabled = true })
	require.Equal(t, http.StatusNoContent, r.post(Path+"fake", signer, good, "X-Route", "7/42").Code)
	require.Len(t, r.hints, 3)
	require.Equal(t, []Outcome{Taken, Ignored, Ignored, Ignored, Taken}, r.outcomes)

	r.hintsErr = fault.Wrap(fault.Unavailable, "add", errors.New("redis"))
	require.Equal(t, http.StatusServiceUnavailable, r.post(Path+"fake", signer, good, "X-Route", "7/42").Code)
	r.env.Mini.SetError("LOADING")
	require.Equal(t, http.StatusServiceUnavailable, r.post(Path+"fake", signer, good, "X-Route", "7/42").Code)
}

// TestSlowBodies: a body that does not come holds its place for a while, and no
// more than so many do.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range MaxBodies {
		require.True(t, r.receiver.bodies.begin(acme, MaxBodies))
	}
	rec := r.post(address, signer, good)
	require.Equal(t, http.StatusServiceUnavailable, rec.Code)
	require.NotEmpty(t, rec.Header().Get("Retry-After"))
	require.Equal(t, []Outcome{Busy}, r.outcomes)
	for range MaxBodies {
		r.receiver.bodies.end(acme)
	}
	require.Empty(t, r.receiver.bodies.reading)

	server := httptest.NewServer(r.http)
	defer server.Close()
	body, stuck := newStuck()
	defer stuck()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+address, body)
	require.NoError(t, err)
	req.ContentLength = 100
	began := time.Now()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil { // the server may close the connection first
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	}
	require.Less(t, time.Since(began), 2*answerTimeout)
	require.Eventually(t, func() bool {
		r.receiver.bodies.mu.Lock()
		defer r.receiver.bodies.mu.Unlock()
		return len(r.receiver.bodies.reading) == 0
	}, answerTimeout, time.Millisecond)
}

// TestStrangersAreFolded: anybody can send nonsense as often as they like.
func TestStrangersAreFolded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 100 {
		r.post(Path+acme+"/x", signer, good)
	}
	require.Equal(t, 1, strings.Count(r.log.String(), "\n"))
}

func FuzzHooks(f *testing.F) {
	r := newRig(f)
	f.Add(token, signer, []byte(good), "")
	f.Add(token, "x", []byte(good), "gzip")
	f.Add("x", signer, []byte(good), "")
	for _, text := range boundtest.JSON() {
		f.Add(token, signer, []byte(text), "")
		f.Add("", signer, []byte(text), "")
	}
	f.Fuzz(func(t *testing.T, given, key string, body []byte, coding string) {
		r.hints, r.outcomes = nil, nil
		r.log.Reset()
		path := Path + acme + "/" + url.PathEscape(given)
		if given == "" {
			path = Path + "fake"
		}
		var rec *httptest.ResponseRecorder
		text := string(body)
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 256 << 10, PerByte: 64}, func() { rec = r.post(path, key, text, "Content-Encoding", coding) })
		require.Empty(t, rec.Body.String())
		require.Contains(t, []int{204, 400, 401, 413, 415}, rec.Code)
		if given != "" && given != token || key != signer {
			require.Empty(t, r.hints)
			require.NotEqual(t, http.StatusNoContent, rec.Code)
		}
	})
}
