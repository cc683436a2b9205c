package memtarget

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"pushbutton/internal/targets"
)

// RegisterHook implements targets.HookRegistrar.
func (d *driver) RegisterHook(ctx context.Context, want targets.HookWanted) (targets.HookRegistration, error) {
	return d.hooks().Register(ctx, want)
}

// RemoveHook implements targets.HookRegistrar.
func (d *driver) RemoveHook(ctx context.Context, id, prefix string) error {
	return d.hooks().Unregister(ctx, id, prefix)
}

func (d *driver) hooks() targets.HookEditor {
	return targets.HookEditor{
		List: d.listHooks,
		Create: func(ctx context.Context, want targets.HookWanted) (string, error) {
			return d.writeHook(ctx, "create webhook", http.MethodPost, "/hooks", want)
		},
		Change: func(ctx context.Context, id string, want targets.HookWanted) error {
			_, err := d.writeHook(ctx, "change webhook", http.MethodPatch, hookPath(id), want)
			return err
		},
		Remove: func(ctx context.Context, id string) error {
			return d.send(ctx, "delete webhook", http.MethodDelete, hookPath(id), nil, nil)
		},
	}
}

func (d *driver) listHooks(ctx context.Context) ([]targets.ListedHook, error) {
	const op = "list webhooks"
	var list hookList
	if err := d.send(ctx, op, http.MethodGet, "/hooks", nil, &list); err != nil {
		return nil, err
	}
	if list.Hooks == nil {
		return nil, stranger(op, errors.New("the answer holds no list"))
	}
	out := make([]targets.ListedHook, len(list.Hooks))
	for i, h := range list.Hooks {
		out[i] = targets.ListedHook{ID: h.ID, URL: h.URL}
	}
	return out, nil
}

func (d *driver) writeHook(ctx context.Context, op, method, path string, want targets.HookWanted) (string, error) {
	signing, active := want.Secret.Reveal(), true
	var have Hook
	if err := d.send(ctx, op, method, path, hookFields{URL: &want.URL, Secret: &signing, Active: &active}, &have); err != nil {
		return "", err
	}
	if have.ID == "" {
		return "", stranger(op, errors.New("the answer holds no webhook"))
	}
	return have.ID, nil
}

func hookPath(id string) string { return "/hooks/" + url.PathEscape(id) }
