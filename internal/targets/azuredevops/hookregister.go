package azuredevops

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

const (
	// maxSubscriptions is how many webhooks of one project are expected.
	maxSubscriptions = 500
	// hookUser is the user of the basic authentication; the secret is its password.
	hookUser = "pushbutton"

	opRegisterHook = "register service hook"
	opRemoveHook   = "remove service hook"

	publisher      = "tfs"
	consumer       = "webHooks"
	consumerAction = "httpRequest"
	inputURL       = "url"
	inputProject   = "projectId"
)

// hookEvents are the events that the plugin is told of. Azure DevOps has a
// subscription for each.
func hookEvents() []string {
	return []string{"workitem.updated", "workitem.deleted", "workitem.restored"}
}

// subscription is a subscription of service hooks.
type subscription struct {
	ID              string            `json:"id,omitempty"`
	Publisher       string            `json:"publisherId"`
	Event           string            `json:"eventType"`
	ResourceVersion string            `json:"resourceVersion"`
	Consumer        string            `json:"consumerId"`
	ConsumerAction  string            `json:"consumerActionId"`
	PublisherInputs map[string]string `json:"publisherInputs"`
	ConsumerInputs  map[string]string `json:"consumerInputs"`
	Status          string            `json:"status,omitempty"`
}

// active reports whether events are sent. One on probation has failed lately.
func (s subscription) active() bool {
	return s.Status == "" || s.Status == "enabled" || s.Status == "onProbation"
}

// subscriptionsQuery asks for the webhooks of one project.
type subscriptionsQuery struct {
	Publisher       string        `json:"publisherId"`
	Consumer        string        `json:"consumerId"`
	ConsumerAction  string        `json:"consumerActionId"`
	PublisherInputs []inputFilter `json:"publisherInputFilters"`
}

type inputFilter struct {
	Conditions []inputCondition `json:"conditions"`
}

type inputCondition struct {
	Input    string `json:"inputId"`
	Operator string `json:"operator"`
	Value    string `json:"inputValue"`
}

// RegisterHook implements targets.HookRegistrar.
func (d *driver) RegisterHook(ctx context.Context, want targets.HookWanted) (targets.HookRegistration, error) {
	project, err := d.projectID(ctx)
	if err != nil {
		return targets.HookRegistration{}, err
	}
	ids, err := d.subscribe(ctx, project, want)
	if err != nil {
		return targets.HookRegistration{}, d.mayNotSubscribe(err)
	}
	return targets.HookRegistration{ID: strings.Join(ids, ",")}, nil
}

// subscribe makes sure that there is one subscription for each event.
func (d *driver) subscribe(ctx context.Context, project string, want targets.HookWanted) ([]string, error) {
	ids := hookIDs(want.ID)
	ours, err := d.subscriptions(ctx, project, ids, want.Prefix)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(ours, func(a, b subscription) int { return rank(a, ids, want.URL) - rank(b, ids, want.URL) })
	kept := map[string]string{}
	for _, s := range ours {
		if slices.Contains(hookEvents(), s.Event) && kept[s.Event] == "" {
			kept[s.Event] = s.ID
			continue
		}
		if err := d.unsubscribe(ctx, opRegisterHook, s.ID); err != nil {
			return nil, err
		}
	}
	if err := d.forgetElsewhere(ctx, ids, ours); err != nil {
		return nil, err
	}
	var out []string
	for _, event := range hookEvents() {
		id, err := d.subscribeTo(ctx, kept[event], newSubscription(event, project, want))
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

// rank sorts the subscriptions that are known by their ids before those that have
// the wanted address, and these before the rest.
func rank(s subscription, ids []string, address string) int {
	switch {
	case slices.Contains(ids, s.ID):
		return 0
	case s.ConsumerInputs[inputURL] == address:
		return 1
	default:
		return 2
	}
}

// forgetElsewhere removes subscriptions that were made for a project which the
// settings no longer name. If the account lost its rights there, they stay: what
// they send is refused.
func (d *driver) forgetElsewhere(ctx context.Context, ids []string, ours []subscription) error {
	for _, id := range ids {
		if slices.ContainsFunc(ours, func(s subscription) bool { return s.ID == id }) {
			continue
		}
		if err := d.unsubscribe(ctx, opRegisterHook, id); err != nil && fault.KindOf(err) != fault.Forbidden {
			return err
		}
	}
	return nil
}

// subscribeTo changes the subscription with an id, or makes one. One that Azure
// DevOps does not enable again is made anew.
func (d *driver) subscribeTo(ctx context.Context, id string, want subscription) (string, error) {
	if id != "" {
		want.ID = id
		found, err := d.writeSubscription(ctx, http.MethodPut, "/"+escape(id), want)
		switch {
		case err == nil && found.active():
			return found.ID, nil
		case err == nil:
			err = d.unsubscribe(ctx, opRegisterHook, id)
		case fault.KindOf(err) == fault.NotFound: // deleted just now
			err = nil
		}
		if err != nil {
			return "", err
		}
		want.ID = ""
	}
	made, err := d.writeSubscription(ctx, http.MethodPost, "", want)
	return made.ID, err
}

func newSubscription(event, project string, want targets.HookWanted) subscription {
	return subscription{
		Publisher: publisher, Event: event, ResourceVersion: "1.0", Consumer: consumer, ConsumerAction: consumerAction, Status: "enabled",
		PublisherInputs: map[string]string{inputProject: project},
		// Of the texts for people nothing is read; the resource names the work item.
		ConsumerInputs: map[string]string{inputURL: want.URL, "basicAuthUsername": hookUser, "basicAuthPassword": want.Secret.Reveal(),
			"resourceDetailsToSend": "all", "messagesToSend": "none", "detailedMessagesToSend": "none"},
	}
}

// RemoveHook implements targets.HookRegistrar.
func (d *driver) RemoveHook(ctx context.Context, id, prefix string) error {
	for _, one := range hookIDs(id) {
		if err := d.unsubscribe(ctx, opRemoveHook, one); err != nil {
			return d.mayNotSubscribe(err)
		}
	}
	project, err := d.projectID(ctx)
	if err != nil {
		return err
	}
	rest, err := d.subscriptions(ctx, project, nil, prefix)
	for _, s := range rest {
		if err := d.unsubscribe(ctx, opRemoveHook, s.ID); err != nil {
			return d.mayNotSubscribe(err)
		}
	}
	return d.mayNotSubscribe(err)
}

// hookIDs splits HookRegistration.ID.
func hookIDs(id string) []string {
	return strings.FieldsFunc(id, func(r rune) bool { return r == ',' })
}

// subscriptions lists the project's webhooks with one of the ids or an address below
// prefix. The ids are enough by themselves, as Azure DevOps gives none twice.
func (d *driver) subscriptions(ctx context.Context, project string, ids []string, prefix string) ([]subscription, error) {
	const op = "list service hooks"
	var reply struct {
		Results []subscription `json:"results"`
	}
	err := d.query(ctx, op, d.hooks("query", ""), subscriptionsQuery{Publisher: publisher, Consumer: consumer, ConsumerAction: consumerAction,
		PublisherInputs: []inputFilter{{Conditions: []inputCondition{{Input: inputProject, Operator: "equals", Value: project}}}}}, wire.List(&reply, maxSubscriptions))
	if err != nil {
		return nil, err
	}
	if reply.Results == nil {
		return nil, notAzure(op, errors.New("the answer holds no list"))
	}
	return slices.DeleteFunc(reply.Results, func(s subscription) bool {
		listed := targets.ListedHook{ID: s.ID, URL: s.ConsumerInputs[inputURL]}
		return s.ID == "" || !slices.Contains(ids, s.ID) && (!strings.EqualFold(s.PublisherInputs[inputProject], project) || !listed.Of("", prefix))
	}), nil
}

// hooks returns the address of the subscriptions, or of what stands beside or
// below them.
func (d *driver) hooks(suffix, path string) string {
	return d.address("/_apis/hooks/subscriptions"+suffix+path, nil)
}

func (d *driver) writeSubscription(ctx context.Context, method, path string, s subscription) (subscription, error) {
	var out subscription
	call, err := wire.JSONCall(opRegisterHook, method, d.hooks("", path), s, &out)
	if err != nil {
		return subscription{}, err
	}
	reply, err := d.send(ctx, call)
	err = wire.EndWrite(opRegisterHook, reply, err, &out)
	if err == nil && (out.ID == "" || strings.Contains(out.ID, ",")) {
		err = wire.Unreadable(opRegisterHook, errors.New("the answer names no subscription"))
	}
	return out, err
}

func (d *driver) unsubscribe(ctx context.Context, op, id string) error {
	call, err := wire.JSONCall(op, http.MethodDelete, d.hooks("", "/"+escape(id)), nil, nil)
	if err != nil {
		return err
	}
	reply, err := d.send(ctx, call)
	err = wire.EndWrite(op, reply, err, nil)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}

// projectID finds the id of the project. A token for work items alone may not
// read projects, but the address of a work item type has it.
func (d *driver) projectID(ctx context.Context) (string, error) {
	const op = "find project"
	guid := regexp.MustCompile(`(?i)/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/_apis/wit/`)
	var t struct {
		URL string `json:"url"`
	}
	if err := d.get(ctx, op, d.wit("workitemtypes/"+escape(d.cfg.typ), nil), wire.List(&t, manyFields)); err != nil {
		return "", err
	}
	if m := guid.FindStringSubmatch(t.URL); m != nil {
		return m[1], nil
	}
	var p project
	if err := d.get(ctx, op, d.address("/_apis/projects/"+escape(d.cfg.project), nil), &p); err != nil {
		return "", err
	}
	if p.ID == "" {
		return "", notAzure(op, errors.New("the answer names no project"))
	}
	return p.ID, nil
}

// mayNotSubscribe says which right is missing. The token is good for work items,
// which were just read with it: one that is refused here lacks the scope.
func (d *driver) mayNotSubscribe(err error) error {
	if kind := fault.KindOf(err); err == nil || kind != fault.Forbidden && kind != fault.Unauthorized {
		return err
	}
	e := *fault.From(err)
	e.Kind, e.Unsure = fault.Forbidden, false
	e.Public = fmt.Sprintf("Azure DevOps does not let the token's account register service hooks in project %s. It needs the permissions View and Edit subscriptions there (Project Administrators have both), "+
		"and the token the scope Work Items: Read & write. Or set the service hooks up by hand.", d.cfg.project)
	return &e
}
