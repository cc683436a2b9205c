package app

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/hooks"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// webhooks sends what a tracker and strangers send to an integration that has a
// webhook. Bodies and headers are as secret as the rest: nothing of them may be
// written anywhere.
func (r *canaryRig) webhooks() {
	in := r.integrations()[0]
	token, signing, former := r.c.plant("webhook token"), r.c.plant("webhook secret"), r.c.plant("former webhook secret")
	_, err := r.app.tenants.SetHook(r.t.Context(), in.Tenant, in.ID, func(h *tenants.Hook) bool {
		h.Token, h.Secret, h.Former, h.FormerUntil = secret.New(strings.NewReplacer("/", "-", "+", "-", "&", "-").Replace(token)), secret.New(signing), secret.New(former), time.Now().Add(time.Hour)
		return true
	})
	require.NoError(r.t, err)
	known := r.integrations()[0].Hook.Token.Reveal()
	r.c.watch("webhook token as sent", known)
	r.out.add("%v %+v %#v", in, r.integrations()[0].Hook, r.integrations()[0])
	for _, at := range []string{in.ID + "/" + known, in.ID + "/guessed", strings.Repeat("a", 26) + "/" + known, in.ID, "github", "memory", in.ID + "/" + known + "/more"} {
		for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodPut} {
			for _, body := range []string{"", "{", `{"issue": "` + r.c.plant("what stands in a webhook") + `"}`, strings.Repeat(" ", 2<<20)} {
				status := r.sendHook(method, at, body)
				require.NotEqual(r.t, http.StatusInternalServerError, status)
				if method == http.MethodPost && at == in.ID+"/guessed" {
					require.Equal(r.t, http.StatusUnauthorized, status)
				}
			}
		}
	}
}

// sendHook sends a webhook, and writes down how it is answered. Its address is
// secret, and the sender's.
func (r *canaryRig) sendHook(method, at, body string) (status int) {
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, r.address+hooks.Path+at, strings.NewReader(body))
	require.NoError(r.t, err)
	for _, name := range []string{"Authorization", "X-Hub-Signature-256", "X-Gitlab-Token", "X-Hook-Secret", "Linear-Signature"} {
		req.Header.Set(name, r.c.plant("a guessed signature"))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil { // the connection of a body that is too long may be closed first
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	if method == http.MethodPost && strings.Count(at, "/") < 2 {
		require.Zero(r.t, resp.ContentLength, "no answer has a body")
	}
	r.out.add("%d %v", resp.StatusCode, resp.Header)
	return resp.StatusCode
}
