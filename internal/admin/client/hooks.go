package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"pushbutton/internal/admin"
	"pushbutton/internal/pushes"
	"pushbutton/internal/tenants"
)

// HookScope looks after the webhooks of one tenant's integrations on the server. An
// integration is named by its id or its name; a *pushes.FieldError says that there
// is none.
type HookScope struct{ s Scope }

// Hooks binds the client to a tenant. It does not ask whether there is one.
func (c *Client) Hooks(tenant string) HookScope { return HookScope{c.Pushes(tenant)} }

// List lists the webhooks, by the names of their integrations.
func (h HookScope) List(ctx context.Context) iter.Seq2[admin.NamedHook, error] {
	return func(yield func(admin.NamedHook, error) bool) {
		for in, err := range h.s.integrations(ctx) {
			if err != nil {
				yield(admin.NamedHook{}, err)
				return
			}
			if !yield(h.show(ctx, in)) {
				return
			}
		}
	}
}

// Show returns one webhook.
func (h HookScope) Show(ctx context.Context, integration string) (admin.NamedHook, error) {
	in, err := h.s.integration(ctx, integration)
	if err != nil {
		return admin.NamedHook{}, err
	}
	return h.show(ctx, in)
}

// Register has the tracker send a webhook now.
func (h HookScope) Register(ctx context.Context, integration string) (admin.NamedHook, error) {
	return h.change(ctx, integration, "register")
}

// Rotate replaces a webhook's secret.
func (h HookScope) Rotate(ctx context.Context, integration string) (admin.NamedHook, error) {
	return h.change(ctx, integration, "rotate")
}

func (h HookScope) show(ctx context.Context, in admin.Integration) (admin.NamedHook, error) {
	out := named(in)
	err := h.s.c.do(ctx, request{op: "show webhook", method: http.MethodGet, path: h.s.path("integrations", in.ID, "hook")}, &out.Hook)
	return out, err
}

func (h HookScope) change(ctx context.Context, integration, verb string) (admin.NamedHook, error) {
	in, err := h.s.integration(ctx, integration)
	if err != nil {
		return admin.NamedHook{}, err
	}
	out := named(in)
	err = h.s.c.do(ctx, request{op: verb + " webhook", method: http.MethodPost, path: h.s.path("integrations", in.ID, "hook", verb), limit: changeLimit}, &out.HookChanged)
	return out, err
}

func named(in admin.Integration) admin.NamedHook {
	return admin.NamedHook{ID: in.ID, Name: in.Name, Tracker: in.Target.Type}
}

// integrations lists the tenant's integrations, page by page. It ends after an error.
func (s Scope) integrations(ctx context.Context) iter.Seq2[admin.Integration, error] {
	return func(yield func(admin.Integration, error) bool) {
		query := url.Values{"limit": {strconv.Itoa(tenants.MaxPage)}}
		for {
			var page admin.Page[admin.Integration]
			if err := s.c.do(ctx, request{op: "list integrations", method: http.MethodGet, path: s.path("integrations"), query: query}, &page); err != nil {
				yield(admin.Integration{}, err)
				return
			}
			for _, in := range page.Items {
				if !yield(in, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			query.Set("cursor", page.Next)
		}
	}
}

// integration returns the integration that is named by its id or name.
func (s Scope) integration(ctx context.Context, which string) (admin.Integration, error) {
	for in, err := range s.integrations(ctx) {
		if err != nil || in.ID == which || in.Name == which {
			return in, err
		}
	}
	return admin.Integration{}, pushes.UnknownIntegration()
}
