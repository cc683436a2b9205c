package redmine

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/wire"
)

// maxFormatPage bounds a page of Redmine's that is searched for its text format.
const maxFormatPage = 1 << 20

// formatProbe looks different in each text format.
const formatProbe = "2^(3) **b**"

// checkTextFormat compares the text format in the settings with the server's. No
// answer of the API names it, so a Redmine that shows it nowhere is believed.
func (d *driver) checkTextFormat(ctx context.Context, res *resolved) error {
	shown := d.readTextFormat(ctx, res)
	if shown == "" || shown == d.cfg.textFormat {
		return nil
	}
	return wire.Invalid("compare text formats", "Redmine's text format (Administration > Settings > General) is not %s. Ask your admin to set settings.textFormat to %s.", d.cfg.textFormat, shown)
}

// readTextFormat reads the text format off Redmine's own preview, which strangers
// may use unless everybody has to sign in, or off the editor on an issue's page.
// It returns "" where neither tells.
func (d *driver) readTextFormat(ctx context.Context, res *resolved) string {
	switch page := d.page(ctx, "/preview/text?"+url.Values{"text": {formatProbe}}.Encode()); {
	case strings.Contains(page, "<sup>3</sup>") && strings.Contains(page, "<strong>b</strong>"):
		return markdown
	case strings.Contains(page, "2^(3) <strong>b</strong>"):
		return commonMark
	case strings.Contains(page, "2^(3) <b>b</b>"):
		return textile
	}
	var some issuesReply
	if err := d.get(ctx, "list issues", "/issues.json?status_id=*&limit=1&project_id="+strconv.Itoa(res.projectID), issues(&some, 1)); err != nil || len(some.Issues) == 0 {
		return ""
	}
	page := d.page(ctx, "/issues/"+strconv.Itoa(some.Issues[0].ID))
	for script, format := range map[string]string{"textile": textile, "markdown": markdown, "common_mark": commonMark} {
		if strings.Contains(page, "/jstoolbar/"+script) {
			return format
		}
	}
	return ""
}

// page reads a page for people; it returns "" where there is none.
func (c client) page(ctx context.Context, path string) string {
	h := http.Header{"X-Redmine-Api-Key": {c.cfg.key.Reveal()}, "Accept": {"text/html"}}
	reply, err := c.http.Send(ctx, outbound.Call{Op: "read page", Method: http.MethodGet, URL: c.cfg.url + path, Header: h, Bound: outbound.Bound{Bytes: maxFormatPage, Values: 1}})
	if err != nil {
		return ""
	}
	return string(reply.Body)
}
