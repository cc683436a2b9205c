package targets

import (
	"context"
	"strings"

	"pushbutton/internal/fault"
)

// ListedHook is a webhook as the tracker lists it.
type ListedHook struct {
	ID, URL string
	// Stuck is set where no change makes it an active one again: it is replaced.
	Stuck bool
}

// HookEditor is a HookRegistrar of a tracker that lists its webhooks: it finds those of
// the integration among the others, and leaves the others alone.
type HookEditor struct {
	// List returns all webhooks of the place, whosever they are.
	List func(ctx context.Context) ([]ListedHook, error)
	// Create makes a webhook, and returns its id.
	Create func(ctx context.Context, want HookWanted) (id string, err error)
	// Change makes a webhook as it is wanted, the secret included, and active. Nil:
	// the tracker cannot change all of it, so it is replaced.
	Change func(ctx context.Context, id string, want HookWanted) error
	// Remove removes a webhook. One that is gone may be fault.NotFound.
	Remove func(ctx context.Context, id string) error
}

// Register does what HookRegistrar.RegisterHook does. A webhook is made before the one
// that it replaces is removed, so that no event falls between them.
func (e HookEditor) Register(ctx context.Context, want HookWanted) (HookRegistration, error) {
	listed, err := e.List(ctx)
	if err != nil {
		return HookRegistration{}, err
	}
	own := ownHooks(listed, want.ID, want.Prefix)
	kept, err := e.change(ctx, preferred(own, want), want)
	if err != nil {
		return HookRegistration{}, err
	}
	if kept == "" {
		if kept, err = e.Create(ctx, want); err != nil {
			return HookRegistration{}, err
		}
	}
	for _, h := range own {
		if h.ID == kept {
			continue
		}
		if err := e.remove(ctx, h.ID); err != nil {
			return HookRegistration{}, err
		}
	}
	return HookRegistration{ID: kept}, nil
}

// change changes a webhook, and returns its id; "" if there is none to change.
func (e HookEditor) change(ctx context.Context, found *ListedHook, want HookWanted) (string, error) {
	if found == nil || found.Stuck || e.Change == nil {
		return "", nil
	}
	err := e.Change(ctx, found.ID, want)
	switch {
	case err == nil:
		return found.ID, nil
	case fault.KindOf(err) == fault.NotFound: // somebody has just removed it
		return "", nil
	default:
		return "", err
	}
}

// Unregister does what HookRegistrar.RemoveHook does.
func (e HookEditor) Unregister(ctx context.Context, id, prefix string) error {
	listed, err := e.List(ctx)
	if err != nil {
		return err
	}
	for _, h := range ownHooks(listed, id, prefix) {
		if err := e.remove(ctx, h.ID); err != nil {
			return err
		}
	}
	return nil
}

func (e HookEditor) remove(ctx context.Context, id string) error {
	if err := e.Remove(ctx, id); err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	return nil
}

// ownHooks returns the webhooks of an integration.
func ownHooks(listed []ListedHook, id, prefix string) []ListedHook {
	var own []ListedHook
	for _, h := range listed {
		if h.Of(id, prefix) {
			own = append(own, h)
		}
	}
	return own
}

// Of reports whether a webhook is the integration's whose addresses begin with prefix:
// it is below the prefix, or it has the id. The id alone proves nothing: another
// tracker may have given it to a stranger's, and people may send theirs elsewhere. So
// the address must name the integration as well. Its host may differ, for the plugin's
// public address changes. A prefix without a slash at its end claims nothing, since it
// begins the addresses of others too.
func (h ListedHook) Of(id, prefix string) bool {
	if !strings.HasSuffix(prefix, "/") {
		return false
	}
	return strings.HasPrefix(h.URL, prefix) || id != "" && h.ID == id && strings.Contains(h.URL, tail(prefix))
}

// tail returns the last two segments of a prefix, with slashes around them.
func tail(prefix string) string {
	path := strings.TrimSuffix(prefix, "/")
	for range 2 {
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
	}
	return prefix[len(path):]
}

// preferred returns the webhook to keep: the one with the known id, else the one with
// the wanted address, else the first; nil if there is none.
func preferred(own []ListedHook, want HookWanted) *ListedHook {
	var found *ListedHook
	for i, h := range own {
		switch {
		case h.ID == want.ID:
			return &own[i]
		case found == nil, h.URL == want.URL && found.URL != want.URL:
			found = &own[i]
		}
	}
	return found
}
