package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/connections"
	"pushbutton/internal/pushes"
)

// Pushes looks after the buttons of a tenant; *pushes.Service does.
type Pushes interface {
	Tenant(id string) pushes.Scope
}

// retryLimit bounds a call that pushes many again.
const retryLimit = 30 * time.Second

// Paths of connections.
const (
	connectionsPath = "/tenants/{tenant}/connections"
	connectionPath  = integrationPath + "/connections/{entity}"
)

// ConnectionRoutes are the routes of connections and their pushes.
func ConnectionRoutes(p Pushes) []Route {
	const tag = "Connections"
	h := connectionRoutes{p}
	return []Route{
		Handle(Route{Method: http.MethodGet, Path: connectionsPath, Operation: "listConnections", Tag: tag, Role: auth.Viewer,
			Summary:     "List and search connections",
			Description: "The integrations come by name, and in each the newest change first; at equal times, the last item by its id. A page reads up to 2,000 connections. With kind or text it can be short, or empty, without being the last. The end is where next is absent."}, h.list),
		Handle(Route{Method: http.MethodPost, Path: connectionsPath + "/retry", Operation: "retryConnections", Tag: tag, Role: auth.Admin, Idempotent: true, Limit: retryLimit,
			Summary:     "Push again what failed",
			Description: "Retries the connections that show an error and that the filter lets through, at most limit of them. It is as safe as clicking. Go on with cursor until next is absent. What fails meanwhile is not retried a second time. The same request, sent once more, finds that what it has retried is no longer failed."}, h.retryAll),
		Handle(Route{Method: http.MethodGet, Path: connectionPath, Operation: "getConnection", Tag: tag, Role: auth.Viewer,
			Summary: "Get a connection with its timeline"}, h.get),
		Handle(Route{Method: http.MethodPost, Path: connectionPath + "/retry", Operation: "retryConnection", Tag: tag, Role: auth.Admin,
			Summary:     "Push again",
			Description: "This is as safe as clicking. An issue that exists is found and not created a second time, and a push under way goes on as it is."}, h.one(pushes.Scope.Retry)),
		Handle(Route{Method: http.MethodPost, Path: connectionPath + "/reset", Operation: "resetConnection", Tag: tag, Role: auth.Admin,
			Summary:     "Have the button show initial again",
			Description: "Works whatever the button shows at Productboard, and whether or not it has a record here. The issue stays as it is, and the next push gets a new one."}, h.one(pushes.Scope.Reset)),
		Handle(Route{Method: http.MethodPost, Path: connectionPath + "/link", Operation: "linkConnection", Tag: tag, Role: auth.Admin, Limit: integrationLimit,
			Summary:     "Link the button to an issue that exists",
			Description: "Name the issue by its key or its page's address; the plugin asks the tracker for it. An issue that the button was connected to before stays as it is."}, h.link),
		Handle(Route{Method: http.MethodPost, Path: connectionPath + "/unlink", Operation: "unlinkConnection", Tag: tag, Role: auth.Admin,
			Summary:     "Unlink the button from its issue",
			Description: "Does what unlinking at Productboard does: the button shows initial again, and onUnlink of the integration says what becomes of the issue."}, h.one(pushes.Scope.Unlink)),
		Handle(Route{Method: http.MethodPost, Path: connectionPath + "/refresh", Operation: "refreshConnection", Tag: tag, Role: auth.Admin, Limit: integrationLimit,
			Summary:     "Compare the button with its issue",
			Description: "The plugin reads the issue from the tracker and changes the button if it differs. It does so even if refresh.enabled of the integration is false. A deletion counts once two readings agree that are at least 10 minutes apart."}, h.refresh),
		Handle(Route{Method: http.MethodPost, Path: integrationPath + "/refresh", Operation: "refreshIntegration", Tag: tag, Role: auth.Admin,
			Summary:     "Compare all buttons of an integration with their issues",
			Description: "Workers begin soon, and the answer does not wait for them."}, h.refreshAll),
	}
}

// connectionRoutes are the handlers.
type connectionRoutes struct{ p Pushes }

func (h connectionRoutes) list(ctx context.Context, c *Call, q ConnectionQuery, _ None) (Page[Connection], error) {
	f := q.filter()
	f.State = connections.State(q.State)
	found, err := h.p.Tenant(c.Tenant.ID).List(ctx, pushes.Query{Filter: f, Cursor: q.Cursor, Limit: q.size()})
	page := Page[Connection]{Items: []Connection{}, Next: found.Next}
	for _, p := range found.Pushes {
		page.Items = append(page.Items, wireConnection(p))
	}
	return page, wrongField("query.", err)
}

func (h connectionRoutes) get(ctx context.Context, c *Call, _, _ None) (ConnectionDetail, error) {
	found, err := h.p.Tenant(c.Tenant.ID).Get(ctx, c.Param("integration"), c.Param("entity"))
	return wireDetail(found), err
}

// one carries out a change that needs no more than the button's name.
func (h connectionRoutes) one(do func(s pushes.Scope, ctx context.Context, integration, entity string) (pushes.Push, error)) func(context.Context, *Call, None, None) (Connection, error) {
	return func(ctx context.Context, c *Call, _, _ None) (Connection, error) {
		changed, err := do(h.p.Tenant(c.Tenant.ID), ctx, c.Param("integration"), c.Param("entity"))
		return wireConnection(changed), err
	}
}

func (h connectionRoutes) link(ctx context.Context, c *Call, _ None, body ConnectionLink) (Connection, error) {
	linked, err := h.p.Tenant(c.Tenant.ID).Link(ctx, c.Param("integration"), c.Param("entity"), body.Issue)
	return wireConnection(linked), wrongField("", err)
}

func (h connectionRoutes) refresh(ctx context.Context, c *Call, _, _ None) (ConnectionRefreshed, error) {
	done, err := h.p.Tenant(c.Tenant.ID).Refresh(ctx, c.Param("integration"), c.Param("entity"))
	return wireRefreshed(done), err
}

func (h connectionRoutes) refreshAll(ctx context.Context, c *Call, _, _ None) (None, error) {
	in, err := c.Scope.Integration(ctx, c.Param("integration")) // by its id alone
	if err != nil {
		return None{}, err
	}
	return None{}, h.p.Tenant(c.Tenant.ID).RefreshIntegration(ctx, in.ID)
}

func (h connectionRoutes) retryAll(ctx context.Context, c *Call, _ None, body ConnectionRetry) (ConnectionsRetried, error) {
	done, err := h.p.Tenant(c.Tenant.ID).RetryFailed(ctx, pushes.Query{Filter: body.filter(), Cursor: body.Cursor, Limit: body.Limit})
	return wireRetried(done), wrongField("", err)
}

// wrongField makes a problem of a field that is wrong; in says where it stands.
func wrongField(in string, err error) error {
	var wrong *pushes.FieldError
	if !errors.As(err, &wrong) {
		return err
	}
	p := Invalid(FieldError{Field: in + wrong.Field, Message: wrong.Message()})
	p.cause = err
	return p
}
