package memtarget

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"pushbutton/internal/targets"
)

// RegisterHook implements targets.HookRegistrar.
func (d *driver) RegisterHook(ctx context.Context, want targets.HookWanted) (targets.HookRegistration, error) {
	ours, err := d.hooksBelow(ctx, want.ID, want.Prefix)
	if err != nil {
		return targets.HookRegistration{}, err
	}
	signing, active := want.Secret.Reveal(), true
	body := hookFields{URL: &want.URL, Secret: &signing, Active: &active}
	var have Hook
	if len(ours) == 0 {
		err = d.send(ctx, "create webhook", http.MethodPost, "/hooks", body, &have)
	} else {
		err = d.send(ctx, "change webhook", http.MethodPatch, hookPath(ours[0].ID), body, &have)
		ours = ours[1:]
	}
	if err != nil {
		return targets.HookRegistration{}, err
	}
	if have.ID == "" {
		return targets.HookRegistration{}, stranger("register webhook", errors.New("the answer holds no webhook"))
	}
	return targets.HookRegistration{ID: have.ID}, d.deleteHooks(ctx, ours)
}

// RemoveHook implements targets.HookRegistrar.
func (d *driver) RemoveHook(ctx context.Context, id, prefix string) error {
	ours, err := d.hooksBelow(ctx, id, prefix)
	if err != nil {
		return err
	}
	return d.deleteHooks(ctx, ours)
}

// hooksBelow lists the hooks with an id or with an address below a prefix. The one with
// the id is the first.
func (d *driver) hooksBelow(ctx context.Context, id, prefix string) ([]Hook, error) {
	const op = "list webhooks"
	var list hookList
	if err := d.send(ctx, op, http.MethodGet, "/hooks", nil, &list); err != nil {
		return nil, err
	}
	if list.Hooks == nil {
		return nil, stranger(op, errors.New("the answer holds no list"))
	}
	var ours []Hook
	for _, h := range list.Hooks {
		switch {
		case id != "" && h.ID == id:
			ours = append([]Hook{h}, ours...)
		case prefix != "" && strings.HasPrefix(h.URL, prefix):
			ours = append(ours, h)
		}
	}
	return ours, nil
}

// deleteHooks deletes hooks. One that is gone is no error.
func (d *driver) deleteHooks(ctx context.Context, hooks []Hook) error {
	for _, h := range hooks {
		err := d.send(ctx, "delete webhook", http.MethodDelete, hookPath(h.ID), nil, nil)
		var apiErr *apiError
		if errors.As(err, &apiErr) && apiErr.status == http.StatusNotFound && apiErr.text == errNoHook.Error() {
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func hookPath(id string) string { return "/hooks/" + url.PathEscape(id) }
