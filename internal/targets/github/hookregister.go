package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// A repository's webhooks are read a full page at a time, and so many pages.
const (
	hooksPerPage = 100
	maxHookPages = 5
	hookEvent    = "issues"
)

type hookConfig struct {
	URL         string `json:"url"`
	ContentType string `json:"content_type"`
	Secret      string `json:"secret,omitempty"` //nolint:gosec // it is for GitHub
	InsecureSSL string `json:"insecure_ssl"`
}

type newHook struct {
	Name   string     `json:"name"`
	Active bool       `json:"active"`
	Events []string   `json:"events"`
	Config hookConfig `json:"config"`
}

type changeHook struct {
	Active bool       `json:"active"`
	Events []string   `json:"events"`
	Config hookConfig `json:"config"`
}

type listedHook struct {
	ID     int64 `json:"id"`
	Config struct {
		URL string `json:"url"`
	} `json:"config"`
}

// RegisterHook implements targets.HookRegistrar. A GitHub App has one webhook for all
// its installations, so that nothing is registered for it, and only its route told.
func (d *driver) RegisterHook(ctx context.Context, want targets.HookWanted) (targets.HookRegistration, error) {
	if d.app != nil {
		return d.appRoute(ctx)
	}
	return d.hooks().Register(ctx, want)
}

// RemoveHook implements targets.HookRegistrar.
func (d *driver) RemoveHook(ctx context.Context, id, prefix string) error {
	if d.app != nil {
		return nil
	}
	return d.hooks().Unregister(ctx, id, prefix)
}

// appRoute returns by which route the App's webhook tells of the repository.
func (d *driver) appRoute(ctx context.Context) (targets.HookRegistration, error) {
	const op = "read repository"
	app, err := d.app.about(ctx)
	if err != nil {
		return targets.HookRegistration{}, err
	}
	if !slices.Contains(app.Events, hookEvent) {
		return targets.HookRegistration{}, &fault.Error{Op: targets.OpRegisterHook, Kind: fault.Forbidden,
			Public: "GitHub sends the GitHub App no events of issues. Ask its owner to subscribe it to the event Issues (the App's settings > Permissions & events), and to fill in its webhook."}
	}
	var repo repository
	if err := d.get(ctx, op, d.cfg.repo(), &repo); err != nil {
		return targets.HookRegistration{}, err
	}
	if repo.ID <= 0 {
		return targets.HookRegistration{}, notGitHub(op, errors.New("the answer names no repository"))
	}
	installation, err := strconv.ParseInt(d.cfg.installationID, 10, 64)
	if err != nil {
		return targets.HookRegistration{}, &fault.Error{Op: op, Kind: fault.Internal, Err: err} // open has seen to it
	}
	return targets.HookRegistration{Route: route(installation, repo.ID)}, nil
}

// route names a repository of an installation.
func route(installation, repository int64) string {
	return fmt.Sprintf("%d/%d", installation, repository)
}

func (d *driver) hooks() targets.HookEditor {
	path := func(id string) string { return d.cfg.repo() + "/hooks/" + id }
	return targets.HookEditor{
		List: d.listHooks,
		Create: func(ctx context.Context, want targets.HookWanted) (string, error) {
			var made listedHook
			err := d.write(ctx, targets.OpRegisterHook, http.MethodPost, d.cfg.repo()+"/hooks",
				newHook{Name: "web", Active: true, Events: []string{hookEvent}, Config: configured(want)}, &made)
			if err == nil && made.ID <= 0 {
				err = wire.Unreadable(targets.OpRegisterHook, errors.New("no webhook in the answer"))
			}
			if err != nil && fault.KindOf(err) == fault.NotFound {
				err = d.hooksHidden(ctx, err) // it may read them and no more
			}
			return strconv.FormatInt(made.ID, 10), d.hookFault(err)
		},
		Change: func(ctx context.Context, id string, want targets.HookWanted) error {
			return d.hookFault(d.write(ctx, targets.OpRegisterHook, http.MethodPatch, path(id),
				changeHook{Active: true, Events: []string{hookEvent}, Config: configured(want)}, nil))
		},
		Remove: func(ctx context.Context, id string) error {
			return d.hookFault(d.write(ctx, targets.OpRemoveHook, http.MethodDelete, path(id), nil, nil))
		},
	}
}

func configured(want targets.HookWanted) hookConfig {
	return hookConfig{URL: want.URL, ContentType: "json", Secret: want.Secret.Reveal(), InsecureSSL: "0"}
}

func (d *driver) listHooks(ctx context.Context) ([]targets.ListedHook, error) {
	const op = "list webhooks"
	var out []targets.ListedHook
	for page := 1; page <= maxHookPages; page++ {
		var list []listedHook
		more, err := d.page(ctx, op, fmt.Sprintf("%s/hooks?per_page=%d&page=%d", d.cfg.repo(), hooksPerPage, page), wire.List(&list, hooksPerPage))
		if err != nil && fault.KindOf(err) == fault.NotFound {
			return nil, d.hooksHidden(ctx, err)
		}
		if err != nil {
			return nil, d.hookFault(err)
		}
		for _, h := range list {
			out = append(out, targets.ListedHook{ID: strconv.FormatInt(h.ID, 10), URL: h.Config.URL})
		}
		if !more {
			return out, nil
		}
	}
	return nil, wire.Invalid(op, "The GitHub repository %s has more than %d webhooks, too many to find the plugin's own. Ask a GitHub admin to remove some.", d.cfg.repository, maxHookPages*hooksPerPage)
}

// hooksHidden explains that a repository has no webhooks: GitHub says so to a classic
// token that may not manage them, and of a repository that is not there.
func (d *driver) hooksHidden(ctx context.Context, err error) error {
	if why := d.get(ctx, "read repository", d.cfg.repo(), &repository{}); why != nil {
		return why
	}
	return &fault.Error{Op: "list webhooks", Kind: fault.Forbidden, Err: err, Public: "GitHub does not show " + d.hookAdvice()}
}

// hookFault names the right that webhooks need where GitHub misses one.
func (d *driver) hookFault(err error) error {
	if err == nil || fault.KindOf(err) != fault.Forbidden {
		return err
	}
	var apiErr *apiError
	said := errors.As(err, &apiErr)
	if said && !apiErr.lacksRight() {
		return err // single sign-on, a blocked repository: no right of the token's
	}
	e := *fault.From(err)
	e.Public = "GitHub does not allow " + d.hookAdvice()
	if said {
		e.Public = text.WithAdvice(name, apiErr.message, ". It does not allow "+d.hookAdvice())
	}
	return &e
}

func (d *driver) hookAdvice() string {
	return fmt.Sprintf("the webhooks of %s to the token. Ask a GitHub admin to give the token Webhooks: Read and write (a classic one: the scope admin:repo_hook) and its account the role Admin, or to add the webhook by hand.", d.cfg.repository)
}
