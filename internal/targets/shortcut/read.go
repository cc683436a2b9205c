package shortcut

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	found, err := d.story(ctx, id)
	if err != nil {
		return targets.Issue{}, err
	}
	return toIssue(res, found), nil
}

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	return d.Read(ctx, strings.TrimPrefix(strings.ToLower(ref.Key()), "sc-")+ref.After("story"))
}

func (d *driver) story(ctx context.Context, id string) (story, error) {
	const op = "read story"
	var found story
	if !text.IsNumber(id) {
		return found, wire.UnknownID(op, name, storyName(id))
	}
	if err := d.get(ctx, op, "/stories/"+id, whole(&found)); err != nil {
		return found, d.explain(ctx, op, id, err)
	}
	if found.ID == 0 {
		return found, notShortcut(op, errors.New("the answer names no story"))
	}
	return found, nil
}

// toIssue converts a story to the shared form. A state that is not known
// yet is newer than what was looked up.
func toIssue(res *resolved, s story) targets.Issue {
	id := strconv.Itoa(s.ID)
	out := targets.Issue{ID: id, Key: "sc-" + id, Title: s.Name, Progress: targets.Started}
	if strings.HasPrefix(s.URL, "https://") {
		out.URL = s.URL
	}
	if s.Archived {
		out.Verdict = targets.VerdictTrashed
	}
	if now, ok := res.states[s.State]; ok {
		out.Status, out.Color = now.Name, text.NearestColor(now.Color)
		switch now.Type {
		case "backlog", "unstarted":
			out.Progress = targets.Open
		case typeDone:
			out.Progress = targets.Done
		}
	}
	return out
}

func storyName(id string) string { return "story " + text.Title(id, 20) }
