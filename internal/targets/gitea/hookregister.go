package gitea

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// A repository's webhooks are read a full page at a time, and so many pages.
const (
	hooksPerPage = 50
	maxHookPages = 10
	// hookEvent stands for all that happens to an issue: its labels, milestone and
	// assignees too.
	hookEvent = "issues"
)

type newHook struct {
	Type   string            `json:"type"`
	Active bool              `json:"active"`
	Events []string          `json:"events"`
	Config map[string]string `json:"config"`
}

type listedHook struct {
	ID     int64 `json:"id"`
	Config struct {
		URL string `json:"url"`
	} `json:"config"`
}

// RegisterHook implements targets.HookRegistrar.
func (d *driver) RegisterHook(ctx context.Context, want targets.HookWanted) (targets.HookRegistration, error) {
	return d.hooks().Register(ctx, want)
}

// RemoveHook implements targets.HookRegistrar.
func (d *driver) RemoveHook(ctx context.Context, id, prefix string) error {
	return d.hooks().Unregister(ctx, id, prefix)
}

// hooks cannot change a webhook: Gitea takes a new secret in a change, says yes, and
// keeps the old one. Nor does it tell which one it has. So a webhook is replaced.
func (d *driver) hooks() targets.HookEditor {
	return targets.HookEditor{
		List: d.listHooks,
		Create: func(ctx context.Context, want targets.HookWanted) (string, error) {
			var made listedHook
			err := d.write(ctx, targets.OpRegisterHook, http.MethodPost, d.cfg.repo()+"/hooks", newHook{Type: "gitea", Active: true, Events: []string{hookEvent},
				Config: map[string]string{"url": want.URL, "content_type": "json", "secret": want.Secret.Reveal()}}, &made)
			if err == nil && made.ID <= 0 {
				err = wire.Unreadable(targets.OpRegisterHook, errors.New("no webhook in the answer"))
			}
			return strconv.FormatInt(made.ID, 10), d.hookFault(err)
		},
		Remove: func(ctx context.Context, id string) error {
			return d.hookFault(d.write(ctx, targets.OpRemoveHook, http.MethodDelete, d.cfg.repo()+"/hooks/"+id, nil, nil))
		},
	}
}

// listHooks lists the repository's webhooks. The server may give less than a page
// holds, and says how many there are, not whether more follow.
func (d *driver) listHooks(ctx context.Context) ([]targets.ListedHook, error) {
	const op = "list webhooks"
	var out []targets.ListedHook
	for page := 1; page <= maxHookPages; page++ {
		var list []listedHook
		reply, err := d.send(ctx, op, http.MethodGet, fmt.Sprintf("%s/hooks?limit=%d&page=%d", d.cfg.repo(), hooksPerPage, page), nil, wire.List(&list, hooksPerPage))
		if err := wire.EndRead(op, err, notGitea); err != nil {
			return nil, d.hookFault(err)
		}
		for _, h := range list {
			out = append(out, targets.ListedHook{ID: strconv.FormatInt(h.ID, 10), URL: h.Config.URL})
		}
		total, err := strconv.Atoi(reply.Header.Get("X-Total-Count"))
		if len(list) == 0 || err == nil && len(out) >= total {
			return out, nil
		}
	}
	return nil, wire.Invalid(op, "The Gitea repository %s has more than %d webhooks, too many to find the plugin's own. Ask a Gitea admin to remove some.", d.cfg.repository, maxHookPages*hooksPerPage)
}

// hookFault names the rights that webhooks need where Gitea misses one of them.
func (d *driver) hookFault(err error) error {
	if err == nil || fault.KindOf(err) != fault.Forbidden {
		return err
	}
	var apiErr *apiError
	said := errors.As(err, &apiErr) && apiErr.message != ""
	if said && !strings.Contains(apiErr.message, "scope") && !strings.Contains(apiErr.message, "user should") && !strings.Contains(apiErr.message, "permission") {
		return err // an operator has switched webhooks off
	}
	advice := fmt.Sprintf("the webhooks of %s to the token. Ask a Gitea admin to give the token the scope repository: Read and Write and its account the role Administrator there, or to add the webhook by hand.", d.cfg.repository)
	e := *fault.From(err)
	e.Public = "Gitea does not allow " + advice
	if said {
		e.Public = text.WithAdvice(name, apiErr.message, ". It does not allow "+advice)
	}
	return &e
}
