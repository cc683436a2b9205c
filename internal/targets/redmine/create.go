package redmine

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	res, err := d.resolve(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	if d.dropped.Load() {
		return targets.Issue{}, d.droppedMarker()
	}
	body, err := d.prepareIssueRequestBody(res, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	var reply issueReply
	err = d.write(ctx, "create issue", http.MethodPost, "/issues.json", map[string]any{"issue": body}, issues(&reply, 1))
	if err != nil {
		return targets.Issue{}, d.explain(ctx, res, draft, body.content, err)
	}
	if reply.Issue.ID == 0 {
		return targets.Issue{}, wire.Unreadable("create issue", fmt.Errorf("no issue in the answer"))
	}
	// This issue is known by its id; the next one must not be risked.
	if !reply.Issue.hasMarker(res.markerID, draft.Marker) {
		d.dropped.Store(true)
	}
	return d.toIssue(res, reply.Issue), nil
}

func (d *driver) droppedMarker() *fault.Error {
	return wire.Invalid("create issue", "Redmine does not keep the custom field %q of new issues. Ask a Redmine admin to enable it for this project and tracker and for the API key's account.", d.cfg.markerField)
}

func (d *driver) prepareIssueRequestBody(res *resolved, draft targets.Draft) (newIssue, error) {
	c, err := d.content(res, draft)
	if c.PriorityID == 0 {
		c.PriorityID = res.priorityID
	}
	return newIssue{ProjectID: res.projectID, TrackerID: res.trackerID, content: c}, err
}

// content is a draft in Redmine's words.
func (d *driver) content(res *resolved, draft targets.Draft) (content, error) {
	text := d.describe(res.description, draft)
	c := content{Subject: draft.Title, Description: &text}
	if draft.Marker != "" {
		c.Fields = append(c.Fields, fieldInput{ID: res.markerID, Value: string(draft.Marker)})
	}
	if res.linkID > 0 && draft.Link != "" {
		c.Fields = append(c.Fields, fieldInput{ID: res.linkID, Value: draft.Link})
	}
	return c, c.fill(draft)
}

// explain looks closer at a refused create. Redmine answers "Project cannot be
// blank", in the account's language, for a project that was closed or deleted.
// Where what was looked up before is out of date, the create is asked for once
// more.
func (d *driver) explain(ctx context.Context, before *resolved, draft targets.Draft, sent content, err error) error {
	sentences, isRefusal := sentencesOf(err)
	if !isRefusal {
		return d.explainDenied(ctx, err)
	}
	d.resolved.Forget()
	now, why := d.resolved.Renew(ctx)
	if why != nil && !fault.KindOf(why).Transient() {
		return why
	}
	fields, failed := d.ListFields(ctx)
	if failed != nil {
		return err // it says enough
	}
	explained := d.explainFields(fields, sent, sentences, err)
	if why == nil && (outdated(before, now, draft.Fields, fields) || d.lostAssignee(ctx, now, draft.Assignee)) {
		return targets.Stale(explained)
	}
	return explained
}

// outdated reports whether what was resolved before, or what the shared layer
// chose values from, is no longer what Redmine has.
func outdated(before, now *resolved, chosen []targets.FieldValue, fields []targets.FieldInfo) bool {
	return !reflect.DeepEqual(before, now) || slices.ContainsFunc(chosen, func(v targets.FieldValue) bool {
		at := slices.IndexFunc(fields, func(f targets.FieldInfo) bool { return f.ID == v.Field.ID })
		return at < 0 || !slices.Equal(v.Field.Options, fields[at].Options)
	})
}

// lostAssignee reports whether issues cannot be given to an account any more.
func (d *driver) lostAssignee(ctx context.Context, now *resolved, id string) bool {
	if id == "" {
		return false
	}
	assignable, err := d.isAssignable(ctx, now.projectID, id)
	return err == nil && !assignable
}
