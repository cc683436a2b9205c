package gitea

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// What names mean in the repository: Gitea wants labels and milestones by
// number.

const (
	// labelColor is the colour of labels that the plugin makes.
	labelColor = "#ededed"
	// maxPages bounds the reading of labels.
	maxPages = 20
)

// idCache looks numbers up and remembers them. A label or milestone that Gitea
// dropped from an issue has them looked up again.
type idCache struct {
	client      client
	labelIDs    *targets.Remembered[map[string]int] // by name in lower case
	milestoneID *targets.Remembered[int]
	// turn is held by whoever uses a map of labels. Labels that are not there yet
	// are made by one caller at a time: Gitea lets a name be used twice.
	turn chan struct{}
}

func newIDCache(of client) *idCache {
	c := &idCache{client: of, turn: make(chan struct{}, 1)}
	c.labelIDs = targets.Remember(c.readLabels)
	c.milestoneID = targets.Remember(c.findMilestone)
	return c
}

// forget has everything looked up again.
func (c *idCache) forget() {
	c.labelIDs.Forget()
	c.milestoneID.Forget()
}

// labels returns the ids of labels, each once, and makes those that are missing.
// rejected are the names that Gitea makes no label of. An account without write
// access can make none, and Gitea drops all labels that it sends; the issue is
// found all the same.
func (c *idCache) labels(ctx context.Context, names []string) (ids []int, rejected []string, err error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, nil, fault.Wrap(fault.Canceled, "wait for the labels", context.Cause(ctx))
	}
	known, ok := c.labelIDs.Last()
	isMissing := func(n string) bool { _, ok := known[strings.ToLower(n)]; return !ok }
	if ok && slices.ContainsFunc(names, isMissing) { // somebody may have made it since
		known, err = c.labelIDs.Renew(ctx)
	} else {
		known, err = c.labelIDs.Get(ctx)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, n := range names {
		id, ok := known[strings.ToLower(n)]
		if !ok {
			id, err = c.makeLabel(ctx, n)
			switch apiErr := (*apiError)(nil); {
			case err == nil:
				known[strings.ToLower(n)] = id
			case fault.KindOf(err) == fault.Forbidden:
				continue
			case fault.KindOf(err) == fault.Invalid && errors.As(err, &apiErr):
				rejected = append(rejected, n)
				continue
			default:
				return nil, nil, err
			}
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, rejected, nil
}

// readLabels lists the repository's labels and its organisation's. The oldest
// of a name counts, the repository's first.
func (c *idCache) readLabels(ctx context.Context) (map[string]int, error) {
	known := map[string]int{}
	owner, _, _ := strings.Cut(c.client.cfg.repository, "/")
	for _, path := range []string{c.client.cfg.repo() + "/labels", "/orgs/" + url.PathEscape(owner) + "/labels"} {
		all, err := c.listLabels(ctx, path)
		if k := fault.KindOf(err); err != nil && strings.HasPrefix(path, "/orgs/") && (k == fault.NotFound || k == fault.Forbidden) {
			break // a user's repository, or more than the token may read
		}
		if err != nil {
			return nil, err
		}
		for _, l := range all {
			if _, twice := known[strings.ToLower(l.Name)]; !twice && !l.Archived {
				known[strings.ToLower(l.Name)] = l.ID
			}
		}
	}
	return known, nil
}

func (c *idCache) listLabels(ctx context.Context, path string) ([]label, error) {
	var all []label
	for page := 1; page <= maxPages; page++ {
		var some []label
		more, err := c.client.page(ctx, "list labels", path+"?limit=50&page="+strconv.Itoa(page), wire.List(&some, perPage))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if !more {
			break
		}
	}
	slices.SortFunc(all, func(a, b label) int { return a.ID - b.ID })
	return all, nil
}

// makeLabel is a write on the way to a create: however it ends, no issue was
// made.
func (c *idCache) makeLabel(ctx context.Context, name string) (int, error) {
	const op = "create label"
	var created label
	if err := c.client.write(ctx, op, http.MethodPost, c.client.cfg.repo()+"/labels", newLabel{Name: name, Color: labelColor}, &created); err != nil {
		return 0, wire.Sure(err)
	}
	if created.ID == 0 {
		return 0, notGitea(op, nil)
	}
	return created.ID, nil
}

// milestone returns the id of the milestone that the settings name; 0: none is
// wanted.
func (c *idCache) milestone(ctx context.Context) (int, error) {
	if c.client.cfg.milestone == "" {
		return 0, nil
	}
	return c.milestoneID.Get(ctx)
}

// findMilestone finds the milestone by its title or id.
func (c *idCache) findMilestone(ctx context.Context) (int, error) {
	all, err := c.client.milestones(ctx)
	if err != nil {
		return 0, err
	}
	name := c.client.cfg.milestone
	if m, ok := targets.Pick(all, name, func(m milestone) []string { return []string{m.Title, strconv.Itoa(m.ID)} }); ok {
		return m.ID, nil
	}
	return 0, wire.Invalid("find milestone", "The Gitea repository %s has no open milestone %q%s. Ask your admin to correct settings.milestone.", c.client.cfg.repository, name, text.OnlyNames(all, func(m milestone) string { return m.Title }))
}

// milestones lists the open ones, as many as one page holds.
func (c client) milestones(ctx context.Context) ([]milestone, error) {
	var all []milestone
	err := c.get(ctx, "list milestones", c.cfg.repo()+"/milestones?state=open&limit=50", wire.List(&all, perPage))
	return all, err
}
