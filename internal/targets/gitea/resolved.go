package gitea

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// What names mean in the repository: Gitea wants labels and milestones by
// number.

const (
	// planLife is how long what was looked up is believed. A label or milestone
	// that Gitea dropped from an issue ends it at once.
	planLife = 10 * time.Minute
	// labelColor is the colour of labels that the plugin makes.
	labelColor = "#ededed"
	// maxPages bounds the reading of labels.
	maxPages = 20
)

// planner looks numbers up and remembers them. It makes labels that are not
// there yet, one caller at a time: Gitea lets a name be used twice.
type planner struct {
	client client
	stale  atomic.Bool
	// turn is held by whoever uses what follows.
	turn  chan struct{}
	until time.Time
	known map[string]int // lower-case label name -> id
	goal  int            // the milestone's id
}

func newPlanner(c client) *planner { return &planner{client: c, turn: make(chan struct{}, 1)} }

// forget has everything looked up again.
func (p *planner) forget() { p.stale.Store(true) }

// begin waits for the turn, and drops what is too old.
func (p *planner) begin(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return fault.Wrap(fault.Canceled, "wait for the labels", context.Cause(ctx))
	}
	if p.stale.Swap(false) || time.Now().After(p.until) {
		p.known, p.goal, p.until = nil, 0, time.Now().Add(planLife)
	}
	return nil
}

func (p *planner) end() { <-p.turn }

// labels returns the ids of labels, each once, and makes those that are missing.
// refused are the names that Gitea makes no label of. An account without write
// access can make none, and Gitea drops all labels that it sends; the issue is
// found all the same.
func (p *planner) labels(ctx context.Context, names []string) (ids []int, refused []string, err error) {
	if err := p.begin(ctx); err != nil {
		return nil, nil, err
	}
	defer p.end()
	isMissing := func(n string) bool { _, ok := p.known[strings.ToLower(n)]; return !ok }
	if slices.ContainsFunc(names, isMissing) { // somebody may have made it since
		known, err := p.readLabels(ctx)
		if err != nil {
			return nil, nil, err
		}
		p.known = known
	}
	for _, n := range names {
		id, ok := p.known[strings.ToLower(n)]
		if !ok {
			id, err = p.makeLabel(ctx, n)
			switch said := (*refusedError)(nil); {
			case err == nil:
				p.known[strings.ToLower(n)] = id
			case fault.KindOf(err) == fault.Forbidden:
				continue
			case fault.KindOf(err) == fault.Invalid && errors.As(err, &said):
				refused = append(refused, n)
				continue
			default:
				return nil, nil, err
			}
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, refused, nil
}

// readLabels lists the repository's labels and its organisation's. The oldest
// of a name counts, the repository's first.
func (p *planner) readLabels(ctx context.Context) (map[string]int, error) {
	known := map[string]int{}
	owner, _, _ := strings.Cut(p.client.cfg.repository, "/")
	for _, path := range []string{p.client.cfg.repo() + "/labels", "/orgs/" + url.PathEscape(owner) + "/labels"} {
		all, err := p.listLabels(ctx, path)
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

func (p *planner) listLabels(ctx context.Context, path string) ([]label, error) {
	var all []label
	for page := 1; page <= maxPages; page++ {
		var some []label
		more, err := p.client.page(ctx, "list labels", path+"?limit=50&page="+strconv.Itoa(page), wire.List(&some, perPage))
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
func (p *planner) makeLabel(ctx context.Context, name string) (int, error) {
	const op = "create label"
	var made label
	if err := p.client.write(ctx, op, http.MethodPost, p.client.cfg.repo()+"/labels", newLabel{Name: name, Color: labelColor}, &made); err != nil {
		return 0, wire.Sure(err)
	}
	if made.ID == 0 {
		return 0, notGitea(op, nil)
	}
	return made.ID, nil
}

// milestone gives the id of the milestone that the settings name by its title
// or id; 0: none is wanted.
func (p *planner) milestone(ctx context.Context) (int, error) {
	wanted := p.client.cfg.milestone
	if wanted == "" {
		return 0, nil
	}
	if err := p.begin(ctx); err != nil {
		return 0, err
	}
	defer p.end()
	if p.goal != 0 {
		return p.goal, nil
	}
	all, err := p.client.milestones(ctx)
	if err != nil {
		return 0, err
	}
	for _, m := range all {
		if strings.EqualFold(m.Title, wanted) || strconv.Itoa(m.ID) == wanted {
			p.goal = m.ID
			return m.ID, nil
		}
	}
	return 0, invalid("find milestone", "The Gitea repository %s has no open milestone %q%s. Ask your admin to correct settings.milestone.", p.client.cfg.repository, wanted, text.OnlyNames(all, func(m milestone) string { return m.Title }))
}

// milestones lists the open ones, as many as one page holds.
func (c client) milestones(ctx context.Context) ([]milestone, error) {
	var all []milestone
	err := c.get(ctx, "list milestones", c.cfg.repo()+"/milestones?state=open&limit=50", wire.List(&all, perPage))
	return all, err
}
