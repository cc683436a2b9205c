package pbfake

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// wireTime is how the published examples write times.
const wireTime = "2006-01-02T15:04:05.000Z"

// integrationInput is a checked body of create or update.
type integrationInput struct {
	Data struct {
		Fields struct {
			Type         *string `json:"type"`
			Name         *string `json:"name"`
			Status       *string `json:"integrationStatus"`
			InitialState *struct {
				Label string `json:"label"`
			} `json:"initialState"`
			Action *struct {
				URL     string `json:"url"`
				Headers struct {
					Authorization string `json:"authorization"`
				} `json:"headers"`
			} `json:"action"`
		} `json:"fields"`
	} `json:"data"`
}

// apply returns the integration with what the body changes. An action replaces
// the former one whole: without an authorization there is none any more.
func (in integrationInput) apply(to integration) integration {
	fields := in.Data.Fields
	if fields.Type != nil {
		to.kind = *fields.Type
	}
	if fields.Name != nil {
		to.name = *fields.Name
	}
	if fields.Status != nil {
		to.status = *fields.Status
	}
	if fields.InitialState != nil {
		to.label = fields.InitialState.Label
	}
	if fields.Action != nil {
		to.url, to.authorization = fields.Action.URL, fields.Action.Headers.Authorization
	}
	return to
}

func (c *call) integrationInput() (integrationInput, *apiError) {
	var in integrationInput
	if err := json.Unmarshal(c.raw, &in); err != nil {
		return in, malformed("The request body could not be read: " + err.Error() + ".")
	}
	return in, nil
}

// createIntegration probes the action URL while the caller waits; only then
// does the integration exist.
func (f *Fake) createIntegration(c *call) (any, *apiError) {
	in, refusal := c.integrationInput()
	if refusal != nil {
		return nil, refusal
	}
	i := in.apply(integration{status: "enabled", app: c.token.App})
	if i.status == "enabled" {
		if err := f.probe(c.ctx, i); err != nil {
			return nil, probeFailed(err.Error())
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.created++
	i.id, i.number, i.created = f.ids.next(), f.created, f.clock.Now().UTC()
	f.integrations[i.id] = &i
	f.record(Event{Kind: EventIntegration, IntegrationID: i.id, Op: c.op.id, Detail: "created " + i.name})
	return f.integrationReference(c, i.id), nil
}

// updateIntegration probes a changed action of an enabled integration before
// anything is changed.
func (f *Fake) updateIntegration(c *call) (any, *apiError) {
	in, refusal := c.integrationInput()
	if refusal != nil {
		return nil, refusal
	}
	before, refusal := f.integration(c)
	if refusal != nil {
		return nil, refusal
	}
	after := in.apply(before)
	if in.Data.Fields.Action != nil && after.status == "enabled" {
		if err := f.probe(c.ctx, after); err != nil {
			return nil, probeFailed(err.Error())
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.integrations[before.id]
	if i == nil { // deleted during the probe
		return nil, notFound()
	}
	*i = in.apply(*i)
	f.record(Event{Kind: EventIntegration, IntegrationID: i.id, Op: c.op.id, Detail: "updated " + i.name})
	return f.integrationReference(c, i.id), nil
}

func (f *Fake) getIntegration(c *call) (any, *apiError) {
	i, refusal := f.integration(c)
	if refusal != nil {
		return nil, refusal
	}
	return map[string]any{"data": f.integrationResource(c, i)}, nil
}

func (f *Fake) listIntegrations(c *call) (any, *apiError) {
	seen := slices.DeleteFunc(f.sortedIntegrations(), func(i integration) bool { return !c.token.sees(&i) })
	page, links, refusal := paginate(f, c, seen, func(i integration) string { return fmt.Sprintf("%012d", i.number) })
	if refusal != nil {
		return nil, refusal
	}
	return listReply{mapped(page, func(i integration) any { return f.integrationResource(c, i) }), links}, nil
}

// deleteIntegration takes every connection with it.
func (f *Fake) deleteIntegration(c *call) (any, *apiError) {
	i, refusal := f.integration(c)
	if refusal != nil {
		return nil, refusal
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.integrations, i.id)
	maps.DeleteFunc(f.connections, func(k connectionKey, _ *connection) bool { return k.integration == i.id })
	f.record(Event{Kind: EventIntegration, IntegrationID: i.id, Op: c.op.id, Detail: "deleted " + i.name})
	return nil, nil
}

// integration returns a copy of the one that the path names, if the token may
// see it.
func (f *Fake) integration(c *call) (integration, *apiError) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.integrations[c.key.integration]
	if i == nil || !c.token.sees(i) {
		return integration{}, notFound()
	}
	return *i, nil
}

func (f *Fake) sortedIntegrations() []integration {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]integration, 0, len(f.integrations))
	for _, i := range f.integrations {
		all = append(all, *i)
	}
	slices.SortFunc(all, func(a, b integration) int { return cmp.Compare(a.number, b.number) })
	return all
}

// integrationResource shows an integration; its action is never shown.
func (f *Fake) integrationResource(c *call, i integration) map[string]any {
	return map[string]any{
		"id": i.id, "type": "pluginIntegration", "createdAt": i.created.Format(wireTime),
		"fields": map[string]any{
			"type": i.kind, "name": i.name, "integrationStatus": i.status, "initialState": map[string]any{"label": i.label},
		},
		"links": f.integrationLinks(c.r, i.id),
	}
}

func (f *Fake) integrationReference(c *call, id string) any {
	return map[string]any{"data": map[string]any{"id": id, "links": f.integrationLinks(c.r, id)}}
}

func (f *Fake) integrationLinks(r *http.Request, id string) map[string]string {
	self := f.link(r, "/plugin-integrations/"+id)
	return map[string]string{"self": self, "connections": self + "/connections"}
}

// Integration is an integration as the simulator's owner sees it: with its
// action URL, but never with the authorization value.
type Integration struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Name      string    `json:"name"`
	Status    string    `json:"status"`
	Label     string    `json:"label"`
	ActionURL string    `json:"actionUrl"`
	Legacy    bool      `json:"legacy,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
}

// Integrations lists all integrations in the order of their creation.
func (f *Fake) Integrations() []Integration {
	return mapped(f.sortedIntegrations(), func(i integration) Integration {
		return Integration{i.id, i.kind, i.name, i.status, i.label, i.url, i.legacy, i.created}
	})
}
