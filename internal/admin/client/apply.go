package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pushbutton/internal/admin"
	"pushbutton/internal/fault"
	"pushbutton/internal/tenants/register"
)

// applyLimit is more than the server's own.
const applyLimit = 11 * time.Minute

// Apply carries a declaration out on the server, as register.Registrar does. One
// for a single tenant needs no more than an admin's token of that tenant. One
// that makes tenants, or is for several, needs an operator's.
func (c *Client) Apply(ctx context.Context, declaration register.Declaration) (register.Report, error) {
	r := request{op: "apply", method: http.MethodPost, path: "/apply", create: true, limit: applyLimit}
	if len(declaration.Tenants) == 1 {
		one := r
		one.path = "/tenants/" + url.PathEscape(declaration.Tenants[0].ID) + "/apply"
		one.body = admin.ApplyTenantRequest{Integrations: declared(declaration.Tenants[0]), Recreate: declaration.Recreate}
		report, err := c.apply(ctx, one, declaration, "tenants[0].")
		if p := Problem(err); p == nil || p.Status != http.StatusNotFound || p.Report != nil {
			return report, err
		}
		// There is no such tenant yet, or the token is not for it.
	}
	body := admin.ApplyRequest{Recreate: declaration.Recreate, Tenants: []admin.ApplyTenant{}}
	for _, t := range declaration.Tenants {
		body.Tenants = append(body.Tenants, admin.ApplyTenant{ID: t.ID, Integrations: declared(t)})
	}
	r.body = body
	report, err := c.apply(ctx, r, declaration, "")
	if p := Problem(err); p != nil && p.Status == http.StatusForbidden {
		f := *fault.From(err)
		f.Public = "The token does not allow this: a tenant that does not exist yet, or a file with several tenants, takes an operator's token (`plugin token --role operator`), and an admin's token is good for its own tenant alone."
		err = &Error{&f}
	}
	return report, err
}

func declared(t register.DesiredTenant) []admin.IntegrationCreate {
	out := []admin.IntegrationCreate{}
	for _, w := range t.Integrations {
		out = append(out, admin.IntegrationCreate{Type: w.Integration.Type, IntegrationSettings: admin.SettingsOf(w.Integration)})
	}
	return out
}

// apply sends one request; at goes before the fields that a problem names.
func (c *Client) apply(ctx context.Context, r request, declaration register.Declaration, at string) (register.Report, error) {
	var answer admin.ApplyReport
	err := c.do(ctx, r, &answer)
	p := Problem(err)
	if p == nil {
		return answer.Report(), err
	}
	if p.Report != nil {
		answer = *p.Report
	}
	if len(p.Errors) == 0 {
		return answer.Report(), err
	}
	places := placesOf(declaration)
	lines := make([]string, 0, len(p.Errors)+1)
	for i, e := range p.Errors {
		p.Errors[i].Field = at + e.Field
		lines = append(lines, places.of(at+e.Field)+": "+e.Message)
	}
	if p.Detail != "" {
		lines = append(lines, p.Detail)
	}
	f := *fault.From(err)
	f.Public = strings.Join(lines, "\n")
	return answer.Report(), &Error{&f}
}

// places lead from a path in a body to where it stands in the file.
type places map[string]func(field string) string

func placesOf(declaration register.Declaration) places {
	out := places{}
	for i, t := range declaration.Tenants {
		for j, w := range t.Integrations {
			origin := w.Origin
			if origin == nil {
				origin = func(field string) string { return t.ID + "/" + w.Integration.Name + ": " + field }
			}
			out[fmt.Sprintf("tenants[%d].integrations[%d].", i, j)] = origin
		}
	}
	return out
}

// of is a field's place in the file, or its path if the file does not say.
func (p places) of(path string) string {
	if end := strings.Index(path, "]."); end >= 0 {
		if next := strings.Index(path[end+2:], "]."); next >= 0 {
			end += 2 + next + 2
			if origin := p[path[:end]]; origin != nil {
				return origin(inFile(path[end:]))
			}
		}
	}
	return path
}

// inFile is the file's name of a field whose name in a body differs.
func inFile(field string) string {
	if field == "buttonLabel" {
		return "button.label"
	}
	return field
}
