package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	const op = "create issue"
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	body, err := d.prepareIssueRequestBody(res, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	var created issue
	if err := d.write(ctx, op, http.MethodPost, res.path("/issues"), body, one(&created)); err != nil {
		return targets.Issue{}, tooLong(d.notCreated(ctx, res, err), draft.Marker)
	}
	if created.IID == 0 {
		return targets.Issue{}, wire.Unreadable(op, fmt.Errorf("no issue in the answer"))
	}
	return d.toIssue(created), nil
}

func (d *driver) prepareIssueRequestBody(res *resolved, draft targets.Draft) (newIssue, error) {
	body := newIssue{issueBody: issueBody{Title: draft.Title, Description: d.describe(draft)}, IssueType: d.cfg.issueType,
		Confidential: d.cfg.confidential, EpicID: res.epicID, Labels: append(labels(draft.Labels), string(draft.Marker))}
	return body, body.fill(draft)
}

// notCreated looks for what a refusal leaves open. What was remembered may
// be why, so it is looked up again.
func (d *driver) notCreated(ctx context.Context, res *resolved, err error) error {
	if fault.KindOf(err).Transient() {
		return err
	}
	d.forget()
	var apiErr *apiError
	if !errors.As(err, &apiErr) {
		return err
	}
	switch {
	case apiErr.status == http.StatusNotFound: // the project or the epic went away
		return targets.Stale(err)
	case apiErr.status == http.StatusUnprocessableEntity && res.epicID != 0:
		// GitLab saves an issue before it adds it to the epic.
		e := *fault.From(err)
		e.Unsure = true
		return &e
	}
	return d.explainForbidden(ctx, err)
}

// explainForbidden names the reason for a 403 that gives none, where the
// project shows one.
func (d *driver) explainForbidden(ctx context.Context, err error) error {
	var apiErr *apiError
	if !errors.As(err, &apiErr) || apiErr.status != http.StatusForbidden || apiErr.reason() != "" {
		return err
	}
	p, why := d.places.Renew(ctx)
	if why == nil {
		why = d.closed(p)
	}
	if why == nil || fault.KindOf(why).Transient() {
		return err
	}
	return wire.Sure(why)
}

// tooLong reads the limit of descriptions off a refusal that names it.
func tooLong(err error, marker targets.Marker) error {
	var apiErr *apiError
	if !errors.As(err, &apiErr) {
		return err
	}
	for _, s := range apiErr.sentences {
		if strings.HasPrefix(s, "description ") && text.SaysTooLong(s) {
			return targets.TooLong(err, "", max(text.StatedLimit(s, text.MinStated)-len("\n\n"+hidden(marker)), 0), s)
		}
	}
	return err
}

// labels returns names that GitLab takes: it drops one with a comma.
func labels(names []string) []string {
	out := make([]string, 0, len(names)+1)
	for _, l := range names {
		if l = strings.Join(strings.Fields(strings.ReplaceAll(l, ",", " ")), " "); l != "" && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}
