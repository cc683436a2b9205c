package gitlab

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

// A project's webhooks are read a full page at a time, and so many pages.
const (
	hooksPerPage = 100
	maxHookPages = 5
	// statusExecutable is said of a webhook that GitLab has not switched off.
	statusExecutable = "executable"
)

// hookSettings is a webhook as it is sent. GitLab has pushes on unless told otherwise,
// and an event that a change does not name stays as it was.
type hookSettings struct {
	URL                string `json:"url"`
	Token              string `json:"token"`
	Verify             bool   `json:"enable_ssl_verification"`
	Issues             bool   `json:"issues_events"`
	ConfidentialIssues bool   `json:"confidential_issues_events"`
	Push               bool   `json:"push_events"`
	TagPush            bool   `json:"tag_push_events"`
	MergeRequests      bool   `json:"merge_requests_events"`
	Notes              bool   `json:"note_events"`
	ConfidentialNotes  bool   `json:"confidential_note_events"`
	Jobs               bool   `json:"job_events"`
	Pipelines          bool   `json:"pipeline_events"`
	WikiPages          bool   `json:"wiki_page_events"`
	Deployments        bool   `json:"deployment_events"`
	FeatureFlags       bool   `json:"feature_flag_events"`
	Releases           bool   `json:"releases_events"`
	AccessTokens       bool   `json:"resource_access_token_events"`
}

func hookWanted(want targets.HookWanted) hookSettings {
	return hookSettings{URL: want.URL, Token: want.Secret.Reveal(), Verify: true, Issues: true, ConfidentialIssues: true}
}

type listedHook struct {
	ID  int    `json:"id"`
	URL string `json:"url"`
	// AlertStatus says whether GitLab has switched it off; "" before GitLab 15.
	AlertStatus string `json:"alert_status"`
}

// RegisterHook implements targets.HookRegistrar.
func (d *driver) RegisterHook(ctx context.Context, want targets.HookWanted) (targets.HookRegistration, error) {
	editor, err := d.hooks(ctx)
	if err != nil {
		return targets.HookRegistration{}, err
	}
	return editor.Register(ctx, want)
}

// RemoveHook implements targets.HookRegistrar.
func (d *driver) RemoveHook(ctx context.Context, id, prefix string) error {
	editor, err := d.hooks(ctx)
	if err != nil {
		return err
	}
	return editor.Unregister(ctx, id, prefix)
}

// hooks reads the project anew: one with the same path may have taken its place.
func (d *driver) hooks(ctx context.Context) (targets.HookEditor, error) {
	p, err := d.places.Renew(ctx)
	if err != nil {
		return targets.HookEditor{}, err
	}
	return targets.HookEditor{
		List: func(ctx context.Context) ([]targets.ListedHook, error) { return d.listHooks(ctx, p) },
		Create: func(ctx context.Context, want targets.HookWanted) (string, error) {
			var made listedHook
			err := d.write(ctx, targets.OpRegisterHook, http.MethodPost, p.path("/hooks"), hookWanted(want), &made)
			if err == nil && made.ID <= 0 {
				err = wire.Unreadable(targets.OpRegisterHook, errors.New("no webhook in the answer"))
			}
			return strconv.Itoa(made.ID), d.hookFault(err)
		},
		Change: func(ctx context.Context, id string, want targets.HookWanted) error {
			return d.hookFault(d.write(ctx, targets.OpRegisterHook, http.MethodPut, p.path("/hooks/"+id), hookWanted(want), nil))
		},
		Remove: func(ctx context.Context, id string) error {
			return d.hookFault(d.write(ctx, targets.OpRemoveHook, http.MethodDelete, p.path("/hooks/"+id), nil, nil))
		},
	}, nil
}

// listHooks lists the project's webhooks. One that GitLab has switched off after
// failures stays off whatever is changed in it, until a test of it succeeds.
func (d *driver) listHooks(ctx context.Context, p *place) ([]targets.ListedHook, error) {
	const op = "list webhooks"
	var out []targets.ListedHook
	for page := 1; page <= maxHookPages; page++ {
		var list []listedHook
		reply, err := d.send(ctx, op, http.MethodGet, restPath+p.path(fmt.Sprintf("/hooks?per_page=%d&page=%d", hooksPerPage, page)), nil, wire.List(&list, hooksPerPage))
		if err := wire.EndRead(op, err, notGitLab); err != nil {
			return nil, d.hookFault(err)
		}
		for _, h := range list {
			out = append(out, targets.ListedHook{ID: strconv.Itoa(h.ID), URL: h.URL, Stuck: h.AlertStatus != "" && h.AlertStatus != statusExecutable})
		}
		if !strings.Contains(reply.Header.Get("Link"), `rel="next"`) {
			return out, nil
		}
	}
	return nil, wire.Invalid(op, "The GitLab project %q has more than %d webhooks, too many to find the plugin's own. Ask a GitLab admin to remove some.", text.Title(d.cfg.project, 60), maxHookPages*hooksPerPage)
}

// hookFault names the role that webhooks need where GitLab gives no other reason.
func (d *driver) hookFault(err error) error {
	if err == nil || fault.KindOf(err) != fault.Forbidden {
		return err
	}
	var apiErr *apiError
	if errors.As(err, &apiErr) && apiErr.reason() != "" {
		return err // a scope or a permission that GitLab names itself
	}
	e := *fault.From(err)
	e.Public = fmt.Sprintf("GitLab does not allow the webhooks of project %q to the token's account. Ask a GitLab admin to give it the role Maintainer there (and the token the scope api), or to add the webhook by hand.", text.Title(d.cfg.project, 60))
	return &e
}
