package azuredevopsfake

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The ids of Mine's and the other project.
const (
	ProjectID      = "eb6e4656-77fc-42a1-9181-4c6d8e9da5d1"
	OtherProjectID = "6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c"
)

func projectID(name string) string {
	if name == Project {
		return ProjectID
	}
	return OtherProjectID
}

// Subscription is a subscription of service hooks.
type Subscription struct {
	ID               string            `json:"id"`
	URL              string            `json:"url"`
	PublisherID      string            `json:"publisherId"`
	EventType        string            `json:"eventType"`
	ResourceVersion  string            `json:"resourceVersion"`
	ConsumerID       string            `json:"consumerId"`
	ConsumerActionID string            `json:"consumerActionId"`
	PublisherInputs  map[string]string `json:"publisherInputs"`
	ConsumerInputs   map[string]string `json:"consumerInputs"`
	Status           string            `json:"status"`
}

// Subscriptions are all of them, oldest first.
func (s *Server) Subscriptions() []Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Subscription, len(s.subscriptions))
	for i, one := range s.subscriptions {
		out[i] = *one
		out[i].PublisherInputs, out[i].ConsumerInputs = maps.Clone(one.PublisherInputs), maps.Clone(one.ConsumerInputs)
	}
	return out
}

// AddSubscription adds a web hook of a project, as its admins do.
func (s *Server) AddSubscription(event, projectID, address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addSubscription(Subscription{PublisherID: "tfs", EventType: event, ResourceVersion: "1.0", ConsumerID: "webHooks", ConsumerActionID: "httpRequest",
		PublisherInputs: map[string]string{"projectId": projectID}, ConsumerInputs: map[string]string{"url": address}, Status: "enabled"})
}

func (s *Server) addSubscription(one Subscription) *Subscription {
	s.subscribed++
	one.ID = fmt.Sprintf("fd672255-8b6b-4769-9260-%012d", s.subscribed)
	one.URL = s.URL + "/" + Organization + "/_apis/hooks/subscriptions/" + one.ID
	s.subscriptions = append(s.subscriptions, &one)
	return &one
}

// ChangeSubscriptions changes subscriptions, as somebody else would; those for
// which change returns false are deleted.
func (s *Server) ChangeSubscriptions(change func(*Subscription) (keep bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscriptions = slices.DeleteFunc(s.subscriptions, func(one *Subscription) bool { return !change(one) })
}

func (s *Server) hookRoutes(handle func(pattern string, query []string, h handler)) {
	const hooks = "/" + Organization + "/_apis/hooks/subscriptions"
	guarded := func(h handler) handler {
		return func(w http.ResponseWriter, r *http.Request, project string) {
			switch {
			case s.NoHookScope:
				s.login(w)
			case s.NoHooks:
				fail(w, http.StatusForbidden, "AccessCheckException", "Access denied. Jane needs the following permission(s) to perform this action: View subscriptions")
			default:
				h(w, r, project)
			}
		}
	}
	handle("POST "+hooks+"query", nil, guarded(s.querySubscriptions))
	handle("POST "+hooks, nil, guarded(s.createSubscription))
	handle("PUT "+hooks+"/{id}", nil, guarded(s.replaceSubscription))
	handle("DELETE "+hooks+"/{id}", nil, guarded(s.deleteSubscription))
}

func (s *Server) querySubscriptions(w http.ResponseWriter, r *http.Request, _ string) {
	var in struct {
		PublisherID      string `json:"publisherId"`
		ConsumerID       string `json:"consumerId"`
		ConsumerActionID string `json:"consumerActionId"`
		EventType        string `json:"eventType"`
		PublisherInputs  []struct {
			Conditions []struct {
				InputID    string `json:"inputId"`
				Operator   string `json:"operator"`
				InputValue string `json:"inputValue"`
			} `json:"conditions"`
		} `json:"publisherInputFilters"`
	}
	if !s.body(w, r, "application/json", &in) {
		return
	}
	found := []any{}
	for _, one := range s.subscriptions {
		hit := (in.PublisherID == "" || in.PublisherID == one.PublisherID) && (in.ConsumerID == "" || in.ConsumerID == one.ConsumerID) &&
			(in.ConsumerActionID == "" || in.ConsumerActionID == one.ConsumerActionID) && (in.EventType == "" || in.EventType == one.EventType)
		for _, filter := range in.PublisherInputs {
			for _, c := range filter.Conditions {
				if c.Operator != "equals" && c.Operator != "notEquals" {
					fail(w, http.StatusBadRequest, "ArgumentException", "The operator is not one of equals and notEquals.")
					return
				}
				hit = hit && (one.PublisherInputs[c.InputID] == c.InputValue) == (c.Operator == "equals")
			}
		}
		if hit {
			found = append(found, masked(one))
		}
	}
	reply(w, map[string]any{"publisherId": in.PublisherID, "consumerId": in.ConsumerID, "results": found})
}

// masked is a subscription as it is shown: without its password.
func masked(one *Subscription) Subscription {
	out := *one
	out.ConsumerInputs = maps.Clone(one.ConsumerInputs)
	if out.ConsumerInputs["basicAuthPassword"] != "" {
		out.ConsumerInputs["basicAuthPassword"] = "********"
	}
	return out
}

func (s *Server) createSubscription(w http.ResponseWriter, r *http.Request, project string) {
	var in Subscription
	if !s.body(w, r, "application/json", &in) || !subscribable(w, in, project) {
		return
	}
	if in.ID != "" {
		fail(w, http.StatusBadRequest, "ArgumentException", "A new subscription has no id.")
		return
	}
	if in.Status == "" {
		in.Status = "enabled"
	}
	reply(w, masked(s.addSubscription(in)))
}

func (s *Server) replaceSubscription(w http.ResponseWriter, r *http.Request, project string) {
	at := s.subscriptionAt(w, r)
	var in Subscription
	if at < 0 || !s.body(w, r, "application/json", &in) || !subscribable(w, in, project) {
		return
	}
	one := s.subscriptions[at]
	if in.ID != "" && in.ID != one.ID {
		fail(w, http.StatusBadRequest, "ArgumentException", "The id is another one than in the address.")
		return
	}
	if in.ConsumerInputs["basicAuthPassword"] == "********" {
		in.ConsumerInputs["basicAuthPassword"] = one.ConsumerInputs["basicAuthPassword"]
	}
	in.ID, in.URL = one.ID, one.URL
	if in.Status == "" || s.StayDisabled {
		in.Status = one.Status
	}
	*one = in
	reply(w, masked(one))
}

func (s *Server) deleteSubscription(w http.ResponseWriter, r *http.Request, _ string) {
	if at := s.subscriptionAt(w, r); at >= 0 {
		s.subscriptions = slices.Delete(s.subscriptions, at, at+1)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Server) subscriptionAt(w http.ResponseWriter, r *http.Request) int {
	at := slices.IndexFunc(s.subscriptions, func(one *Subscription) bool { return one.ID == r.PathValue("id") })
	if at < 0 {
		fail(w, http.StatusNotFound, "SubscriptionNotFoundException", "VS404404: The subscription with id "+r.PathValue("id")+" was not found.")
	}
	return at
}

// subscribable refuses what Azure DevOps does: inputs that publisher and
// consumer do not have, values that they do not know, a password without https.
func subscribable(w http.ResponseWriter, in Subscription, project string) bool {
	u, err := url.Parse(in.ConsumerInputs["url"])
	known := map[string][]string{"resourceDetailsToSend": {"all", "minimal", "none"}, "messagesToSend": {"all", "text", "html", "markdown", "none"},
		"detailedMessagesToSend": {"all", "text", "html", "markdown", "none"}, "url": nil, "basicAuthUsername": nil, "basicAuthPassword": nil}
	wrong := ""
	switch {
	case in.PublisherID != "tfs" || in.ConsumerID != "webHooks" || in.ConsumerActionID != "httpRequest" || in.ResourceVersion == "":
		wrong = "publisher, consumer, action or version"
	case !slices.Contains([]string{"workitem.created", "workitem.updated", "workitem.deleted", "workitem.restored", "workitem.commented"}, in.EventType):
		wrong = "eventType"
	case in.PublisherInputs["projectId"] != projectID(project) || len(in.PublisherInputs) != 1:
		wrong = "publisherInputs"
	case err != nil || u.Hostname() == "" || u.Hostname() == "localhost" || u.Scheme != "https" && in.ConsumerInputs["basicAuthPassword"] != "":
		wrong = "url, which must be https for basic authentication"
	}
	for input, value := range in.ConsumerInputs {
		values, ok := known[input]
		if !ok || values != nil && !slices.Contains(values, value) {
			wrong = "consumerInputs." + input
		}
	}
	if wrong != "" {
		fail(w, http.StatusBadRequest, "SubscriptionInputException", "VS402: The subscription has a wrong value: "+strings.TrimSpace(wrong)+".")
	}
	return wrong == ""
}
