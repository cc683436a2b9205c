package jira

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

const (
	// cloudHooks and dataCenterHooks are where the two products keep the webhooks of
	// their admins.
	cloudHooks      = "/rest/webhooks/1.0/webhook"
	dataCenterHooks = "/rest/jira-webhook/1.0/webhooks"
	// signsSince is the first version of Data Center whose API takes a webhook's
	// secret. Signed webhooks of older ones were not seen, and none is registered that
	// cannot be checked.
	signsSince = 10
	maxHooks   = 500
	adminRight = "ADMINISTER"
	// filterKey and secretKey are Jira's names in a webhook.
	filterKey = "issue-related-events-section"
	secretKey = "SECRET"
)

// adminHook is a webhook as either product lists it: Cloud has its number in the
// address alone.
type adminHook struct {
	Number  looseText `json:"id"`
	Self    string    `json:"self"`
	URL     string    `json:"url"`
	Enabled *bool     `json:"enabled"` // Cloud
}

func (h adminHook) id() string {
	id := cmp.Or(string(h.Number), h.Self[strings.LastIndexByte(h.Self, '/')+1:])
	if !isID(id) {
		return ""
	}
	return id
}

// hookWrite is a new or changed webhook.
type hookWrite struct {
	Name   string   `json:"name"`
	URL    string   `json:"url"`
	Events []string `json:"events"`
	// Filters, ExcludeBody and Secret are Cloud's.
	Filters     map[string]string `json:"filters,omitempty"`
	ExcludeBody *bool             `json:"excludeBody,omitempty"`
	Secret      string            `json:"secret,omitempty"`
	// Active and Configuration are Data Center's.
	Active        *bool             `json:"active,omitempty"`
	Configuration map[string]string `json:"configuration,omitempty"`
}

// hookWrite makes a webhook as wanted. Cloud sends the events of one project alone.
// Data Center sends those of all projects: how its newer API narrows them is not known
// for sure, and events of issues without a button are dropped anyway.
func (d *driver) hookWrite(p project, want targets.HookWanted) hookWrite {
	yes, no := true, false
	w := hookWrite{Name: "Productboard push button (" + p.Key + ")", URL: want.URL, Events: []string{"jira:issue_updated", "jira:issue_deleted"}}
	if d.cfg.cloud {
		w.Filters, w.ExcludeBody, w.Secret = map[string]string{filterKey: "project = " + p.ID}, &no, want.Secret.Reveal()
	} else {
		w.Active, w.Configuration = &yes, map[string]string{secretKey: want.Secret.Reveal(), "EXCLUDE_BODY": "false"}
	}
	return w
}

// RegisterHook implements targets.HookRegistrar. It registers an admin's webhook,
// which never ends. Jira keeps the secret to itself, so a webhook that is there is
// written anew each time.
func (d *driver) RegisterHook(ctx context.Context, want targets.HookWanted) (targets.HookRegistration, error) {
	if want.Secret.Empty() {
		return targets.HookRegistration{}, wire.Invalid(targets.OpRegisterHook, "A Jira webhook needs a secret.")
	}
	if err := d.mayRegister(ctx); err != nil {
		return targets.HookRegistration{}, err
	}
	p, err := d.project(ctx)
	if err != nil {
		return targets.HookRegistration{}, err
	}
	return d.hookEditor(p).Register(ctx, want)
}

// RemoveHook implements targets.HookRegistrar. An account that could never register
// a webhook left none.
func (d *driver) RemoveHook(ctx context.Context, id, prefix string) error {
	if err := d.mayRegister(ctx); err != nil {
		if id == "" && fault.KindOf(err) == fault.Forbidden {
			return nil
		}
		return err
	}
	return d.hookEditor(project{}).Unregister(ctx, id, prefix)
}

// mayRegister checks that webhooks can be registered whose sender can be checked.
func (d *driver) mayRegister(ctx context.Context) error {
	const byHand = " Or let a Jira admin set the webhook up by hand."
	forbidden := func(public string) error { return fault.New(fault.Forbidden, targets.OpRegisterHook, public) }
	if d.cfg.oauth {
		// What an OAuth app registers is signed with the app's own secret, which the
		// settings do not have.
		return forbidden("Jira signs the webhooks of an OAuth access token with a secret that the plugin does not know. Use a Jira admin's API token." + byHand)
	}
	if !d.cfg.cloud {
		var info struct {
			Version []int `json:"versionNumbers"`
		}
		const op = "read version"
		switch err := d.get(ctx, op, "/serverInfo", &info); {
		case err != nil:
			return err
		case len(info.Version) == 0:
			return notJira(op, errors.New("the answer names no version"))
		case info.Version[0] < signsSince:
			return forbidden("Jira Data Center signs webhooks since version 10, and unsigned ones are not taken. Changes are found by reading the issues at intervals.")
		}
	}
	var reply struct {
		Permissions map[string]struct {
			Have bool `json:"havePermission"`
		} `json:"permissions"`
	}
	const op = "read permissions"
	switch err := d.get(ctx, op, "/mypermissions?permissions="+adminRight, wire.List(&reply, maxHooks)); {
	case err != nil:
		return err
	case reply.Permissions == nil:
		return notJira(op, errors.New("the answer holds no permissions"))
	case !reply.Permissions[adminRight].Have:
		return forbidden("Jira lets only its admins register webhooks, and the integration's account is none. Give it the global permission Administer Jira." + byHand)
	}
	return nil
}

func (d *driver) hookEditor(p project) targets.HookEditor {
	return targets.HookEditor{
		List: d.listHooks,
		Create: func(ctx context.Context, want targets.HookWanted) (string, error) {
			const op = "create webhook"
			var made adminHook
			if err := d.writeHook(ctx, op, http.MethodPost, "", d.hookWrite(p, want), &made); err != nil {
				return "", err
			}
			if made.id() == "" {
				return "", wire.Unreadable(op, errors.New("the answer names no webhook")) // the next try finds it by its address
			}
			return made.id(), nil
		},
		Change: func(ctx context.Context, id string, want targets.HookWanted) error {
			return d.writeHook(ctx, "change webhook", http.MethodPut, "/"+id, d.hookWrite(p, want), nil)
		},
		Remove: func(ctx context.Context, id string) error {
			return d.writeHook(ctx, "delete webhook", http.MethodDelete, "/"+id, nil, nil)
		},
	}
}

// listHooks lists the webhooks of the whole site. One without a number is no admin's.
func (d *driver) listHooks(ctx context.Context) ([]targets.ListedHook, error) {
	const op = "list webhooks"
	var all []adminHook
	_, err := d.sendTo(ctx, op, http.MethodGet, d.hooksURL(), nil, wire.List(&all, maxHooks), 0)
	if err = wire.EndRead(op, err, notJira); err != nil {
		if fault.KindOf(err) == fault.NotFound {
			e := *fault.From(err)
			e.Kind, e.Public = fault.Forbidden, "Jira does not offer its webhooks to this token. Use an API token without scopes, or let a Jira admin set the webhook up by hand."
			return nil, &e
		}
		return nil, err
	}
	if all == nil {
		return nil, notJira(op, errors.New("the answer holds no list"))
	}
	var out []targets.ListedHook
	for _, h := range all {
		if id := h.id(); id != "" {
			out = append(out, targets.ListedHook{ID: id, URL: h.URL, Stuck: h.Enabled != nil && !*h.Enabled})
		}
	}
	return out, nil
}

func (c client) hooksURL() string {
	if c.cfg.cloud {
		return c.cfg.api + cloudHooks
	}
	return c.cfg.api + dataCenterHooks
}

func (c client) writeHook(ctx context.Context, op, method, path string, body, out any) error {
	reply, err := c.sendTo(ctx, op, method, c.hooksURL()+path, body, out, 0)
	return wire.EndWrite(op, reply, err, out)
}
