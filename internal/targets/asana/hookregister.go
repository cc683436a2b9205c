package asana

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// headerHookSecret brings the secret of a new web hook.
const headerHookSecret = "X-Hook-Secret" //nolint:gosec // a header's name

// maxHookSecret bounds the secret that Asana chooses, which has 64 characters.
const maxHookSecret = 256

// webhook is a web hook of the token's account.
type webhook struct {
	GID      string `json:"gid"`
	Active   bool   `json:"active"`
	Target   string `json:"target"`
	Resource named  `json:"resource"`
	// Deletion is when Asana deletes it unless a delivery succeeds before; empty:
	// the last one did.
	Deletion string `json:"failure_deletion_timestamp"`
}

// newWebhook is a WebhookRequest.
type newWebhook struct {
	Resource string       `json:"resource"`
	Target   string       `json:"target"`
	Filters  []hookFilter `json:"filters"`
}

type hookFilter struct {
	Type   string `json:"resource_type"`
	Action string `json:"action"`
}

// hookFilters are the events that the plugin is told of. A task that moves to
// another section is removed from one and added to the other.
func hookFilters() []hookFilter {
	var out []hookFilter
	for _, action := range []string{"changed", "added", "removed", "deleted", "undeleted"} {
		out = append(out, hookFilter{Type: "task", Action: action})
	}
	return out
}

// RegisterHook implements targets.HookRegistrar. Asana tells the secret once, so a
// web hook whose id is not known is made anew, and so is one that fails.
func (d *driver) RegisterHook(ctx context.Context, want targets.HookWanted) (targets.HookRegistration, error) {
	ours, err := d.webhooks(ctx, want.ID, want.Prefix)
	if err != nil {
		return targets.HookRegistration{}, d.mayNotRegister(err)
	}
	kept := ""
	for _, w := range ours {
		if w.GID == want.ID && w.Target == want.URL && w.Resource.GID == d.cfg.project && w.Active && w.Deletion == "" {
			kept = w.GID
			continue
		}
		// First, since Asana refuses a second one with the same address.
		if err := d.deleteHook(ctx, w.GID); err != nil {
			return targets.HookRegistration{}, d.mayNotRegister(err)
		}
	}
	if kept == "" {
		if kept, err = d.createHook(ctx, want.URL); err != nil {
			return targets.HookRegistration{}, d.mayNotRegister(err)
		}
	}
	return targets.HookRegistration{ID: kept}, nil
}

// RemoveHook implements targets.HookRegistrar.
func (d *driver) RemoveHook(ctx context.Context, id, prefix string) error {
	if isGID(id) {
		if err := d.deleteHook(ctx, id); err != nil {
			return d.mayNotRegister(err)
		}
	}
	ours, err := d.webhooks(ctx, "", prefix)
	for _, w := range ours {
		if err := d.deleteHook(ctx, w.GID); err != nil {
			return d.mayNotRegister(err)
		}
	}
	return d.mayNotRegister(err)
}

// webhooks lists those of the account's web hooks that are the integration's, in the
// whole workspace: the settings may have named another project before.
func (d *driver) webhooks(ctx context.Context, id, prefix string) ([]webhook, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return nil, err
	}
	q := asking("active", "target", "resource", "failure_deletion_timestamp")
	q.Set("workspace", res.workspace)
	all, _, err := list[webhook](ctx, d.client, "list web hooks", "/webhooks", q, maxPages, pageSize)
	if err != nil {
		return nil, err
	}
	var ours []webhook
	for _, w := range all {
		if isGID(w.GID) && (targets.ListedHook{ID: w.GID, URL: w.Target}).Of(id, prefix) {
			ours = append(ours, w)
		}
	}
	return ours, nil
}

// createHook makes a web hook. While it is under way, Asana sends the secret to
// the address, and fails the request unless that is answered (Handshake).
func (d *driver) createHook(ctx context.Context, address string) (string, error) {
	const op = "register web hook"
	var made webhook
	err := d.change(ctx, op, http.MethodPost, "/webhooks", url.Values{"opt_fields": {"target"}}, newWebhook{Resource: d.cfg.project, Target: address, Filters: hookFilters()}, &made)
	if err == nil && !isGID(made.GID) {
		err = wire.Unreadable(op, errors.New("the answer names no web hook"))
	}
	return made.GID, err
}

func (d *driver) deleteHook(ctx context.Context, gid string) error {
	const op = "remove web hook"
	reply, err := d.send(ctx, op, http.MethodDelete, "/webhooks/"+escape(gid), nil, nil, nil)
	err = wire.EndWrite(op, reply, err, nil)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}

// mayNotRegister says what to do where Asana refuses a web hook: a right is
// missing, or Asana does not reach the plugin.
func (d *driver) mayNotRegister(err error) error {
	var apiErr *apiError
	if !errors.As(err, &apiErr) {
		return err
	}
	e := *fault.From(err)
	switch message := strings.ToLower(apiErr.message); {
	case strings.Contains(message, "handshake"):
		e.Kind = fault.Invalid
		e.Public = "Asana could not complete the handshake with the plugin's address. Ask the plugin's operator to make PLUGIN_PUBLIC_URL reachable from the internet by https."
	case e.Kind == fault.Forbidden && strings.Contains(message, "duplicated webhook"):
		e.Kind = fault.Conflict // another process has just made it
	case e.Kind == fault.Forbidden:
		e.Public = fmt.Sprintf("Asana does not let the token's account register web hooks in project %s. The account must be a member of the project, "+
			"and an OAuth app needs the scopes webhooks:read, webhooks:write and webhooks:delete.", d.cfg.project)
	default:
		return err
	}
	return &e
}

// Handshake implements targets.HookHandshaker.
func (*driver) Handshake(h targets.Hook) (signing secret.String, answer http.Header, ok bool) {
	given := h.Header.Get(headerHookSecret)
	plain := func(r rune) bool { return r <= ' ' || r > '~' }
	if given == "" || len(given) > maxHookSecret || strings.ContainsFunc(given, plain) || h.Header.Get("X-Hook-Signature") != "" {
		return secret.String{}, nil, false
	}
	return secret.New(given), http.Header{headerHookSecret: {given}}, true
}
