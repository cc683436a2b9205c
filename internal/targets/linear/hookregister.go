package linear

import (
	"context"
	"errors"
	"slices"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

const (
	// maxWebhookPages bounds the webhooks of a workspace that are read, 250 to a page.
	maxWebhookPages = 8
	// hookLabel is what people see in Linear's list of webhooks.
	hookLabel     = "Productboard button"
	entityWebhook = "Webhook"
)

type webhook struct {
	ID, URL string
	// Team is nil for the webhook of all public teams.
	Team *struct{ ID string }
}

func (w webhook) of(team string) bool { return w.Team != nil && w.Team.ID == team }

// webhookInput is WebhookCreateInput and WebhookUpdateInput.
type webhookInput struct {
	URL           string   `json:"url"`
	Secret        string   `json:"secret"`
	Label         string   `json:"label"`
	Enabled       bool     `json:"enabled"`
	ResourceTypes []string `json:"resourceTypes"`
	TeamID        string   `json:"teamId,omitempty"` // create only
}

// webhookPayload is the result of a mutation of a webhook.
type webhookPayload struct {
	Webhook struct{ ID string }
}

// RegisterHook implements targets.HookRegistrar.
func (d *driver) RegisterHook(ctx context.Context, want targets.HookWanted) (targets.HookRegistration, error) {
	id, err := d.registerHook(ctx, want)
	if err != nil {
		return targets.HookRegistration{}, onlyAdmins(err)
	}
	return targets.HookRegistration{ID: id}, nil
}

func (d *driver) registerHook(ctx context.Context, want targets.HookWanted) (string, error) {
	all, err := d.teams(ctx)
	if err != nil {
		return "", err
	}
	team := pickTeam(all, d.cfg.team)
	if team == nil || team.RetiredAt != "" {
		return "", d.noTeam("find team", all)
	}
	ours, err := d.webhooks(ctx, want.ID, want.Prefix)
	if err != nil {
		return "", err
	}
	// A webhook's team cannot be changed: one of another team is made anew.
	ours = bestFirst(ours, want)
	keep := slices.IndexFunc(ours, func(w webhook) bool { return w.of(team.ID) })
	for i, w := range ours { // first, since another one may have the wanted address
		if i == keep {
			continue
		}
		if err := d.deleteHook(ctx, w.ID); err != nil {
			return "", err
		}
	}
	in := webhookInput{URL: want.URL, Secret: want.Secret.Reveal(), Label: hookLabel, Enabled: true, ResourceTypes: []string{"Issue"}}
	if keep >= 0 {
		id, err := d.changeHook(ctx, ours[keep].ID, in)
		if !absent(err, entityWebhook) {
			return id, err
		}
	}
	in.TeamID = team.ID
	return d.createHook(ctx, in)
}

// bestFirst sorts webhooks: the one that is known by its id, those that have the
// wanted address already, and the rest.
func bestFirst(ours []webhook, want targets.HookWanted) []webhook {
	rank := func(w webhook) int {
		switch {
		case w.ID == want.ID:
			return 0
		case w.URL == want.URL:
			return 1
		default:
			return 2
		}
	}
	return slices.SortedStableFunc(slices.Values(ours), func(a, b webhook) int { return rank(a) - rank(b) })
}

// RemoveHook implements targets.HookRegistrar.
func (d *driver) RemoveHook(ctx context.Context, id, prefix string) error {
	ours, err := d.webhooks(ctx, id, prefix)
	if err != nil {
		return onlyAdmins(err)
	}
	for _, w := range ours {
		if err := d.deleteHook(ctx, w.ID); err != nil {
			return onlyAdmins(err)
		}
	}
	return nil
}

// webhooks lists the webhooks that are the integration's.
func (d *driver) webhooks(ctx context.Context, id, prefix string) ([]webhook, error) {
	const op = "list webhooks"
	var ours []webhook
	in := vars{}
	for range maxWebhookPages {
		var reply struct{ Webhooks nodes[webhook] }
		if err := d.query(ctx, op, listWebhooks, in, &reply); err != nil {
			return nil, err
		}
		if reply.Webhooks.Nodes == nil {
			return nil, notLinear(op, errors.New("the answer holds no list"))
		}
		for _, w := range reply.Webhooks.Nodes {
			if w.ID != "" && (targets.ListedHook{ID: w.ID, URL: w.URL}).Of(id, prefix) {
				ours = append(ours, w)
			}
		}
		if !reply.Webhooks.PageInfo.HasNextPage {
			break
		}
		in["after"] = reply.Webhooks.PageInfo.EndCursor
	}
	return ours, nil
}

func (d *driver) createHook(ctx context.Context, in webhookInput) (string, error) {
	const op = "create webhook"
	var reply struct{ WebhookCreate webhookPayload }
	err := d.mutate(ctx, op, createWebhook, vars{"input": in}, &reply)
	return hookID(op, reply.WebhookCreate, err)
}

func (d *driver) changeHook(ctx context.Context, id string, in webhookInput) (string, error) {
	const op = "change webhook"
	var reply struct{ WebhookUpdate webhookPayload }
	err := d.mutate(ctx, op, updateWebhook, vars{"id": id, "input": in}, &reply)
	return hookID(op, reply.WebhookUpdate, err)
}

func hookID(op string, p webhookPayload, err error) (string, error) {
	if err == nil && p.Webhook.ID == "" {
		err = wire.Unreadable(op, errors.New("the answer names no webhook"))
	}
	return p.Webhook.ID, err
}

func (d *driver) deleteHook(ctx context.Context, id string) error {
	const op = "delete webhook"
	var reply struct{ WebhookDelete struct{ Success bool } }
	err := d.mutate(ctx, op, deleteWebhook, vars{"id": id}, &reply)
	switch {
	case absent(err, entityWebhook):
		return nil
	case err == nil && !reply.WebhookDelete.Success:
		return wire.Unreadable(op, errors.New("the answer reports no success"))
	default:
		return err
	}
}

// onlyAdmins says which right is missing where Linear refuses webhooks to the
// account. A limit of the workspace's plan keeps Linear's own words.
func onlyAdmins(err error) error {
	var apiErr *apiError
	if !errors.As(err, &apiErr) || !slices.ContainsFunc(apiErr.errors, func(e graphError) bool {
		return strings.EqualFold(e.Extensions.Code, "forbidden") || strings.EqualFold(e.Extensions.Type, "forbidden") ||
			strings.HasPrefix(e.Message, "Invalid scope") || strings.HasPrefix(e.Message, "Invalid role")
	}) {
		return err
	}
	e := *fault.From(err)
	e.Kind, e.Unsure = fault.Forbidden, false
	e.Public = "Linear lets only workspace admins register webhooks. Give the API key's owner the role Admin and the key the permission Admin (an OAuth token: the scope admin), or set the webhook up by hand."
	return &e
}
