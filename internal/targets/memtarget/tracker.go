package memtarget

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pushbutton/internal/secret"
)

// The statuses that an issue can have.
const (
	StatusOpen    = "Open"
	StatusStarted = "In Progress"
	StatusDone    = "Done"
)

// Statuses lists them in their order.
func Statuses() []string { return []string{StatusOpen, StatusStarted, StatusDone} }

// Limits of a Tracker.
const (
	maxTitle       = 255     // characters
	maxDescription = 1 << 19 // bytes
	maxBody        = 1 << 20 // bytes
	maxMarker      = 64      // bytes
	maxLabels      = 50
	maxComments    = 1000
	maxIDs         = 100 // of one request
	maxName        = 100 // bytes, of projects, labels and other short texts
	// DefaultMaxIssues bounds a Tracker whose options name no bound.
	DefaultMaxIssues = 200_000
)

var (
	errNoIssue   = errors.New("no such issue")
	errHidden    = errors.New("the API key may not see this issue")
	errTrashed   = errors.New("the issue is in the trash")
	errNoStatus  = errors.New("no such status")
	errTitle     = fmt.Errorf("title must have 1 to %d characters", maxTitle)
	errBadName   = fmt.Errorf("a project's name has 1 to %d letters, digits, - and _", maxName)
	errFull      = errors.New("the tracker is full")
	errTooMany   = errors.New("too many comments")
	errNoProject = errors.New("no such project")
)

// Record is one issue in a Tracker.
type Record struct {
	ID      string `json:"id"`
	Key     string `json:"key"`
	Project string `json:"project"`
	Marker  string `json:"marker"`
	Title   string `json:"title"`
	// Description is Markdown.
	Description string    `json:"description,omitempty"`
	Link        string    `json:"link,omitempty"`
	Labels      []string  `json:"labels,omitempty"`
	Reporter    string    `json:"reporter,omitempty"`
	Status      string    `json:"status"`
	Comments    []string  `json:"comments,omitempty"`
	CreatedAt   time.Time `json:"createdAt"`
	// UpdatedAt is when anything but the comments last changed.
	UpdatedAt time.Time `json:"updatedAt"`
	// Trashed is set while the issue lies in the trash, and Hidden while no key
	// may see it.
	Trashed bool `json:"trashed,omitempty"`
	Hidden  bool `json:"hidden,omitempty"`

	// keys has the issue's key in each project that it was ever in.
	keys map[string]string
	// subject names the issue by its first project and title, and changes counts
	// what happened to it: by both, faults of webhooks are decided.
	subject string
	changes int
}

// Entry is one line of a Tracker's books: a create that it carried out,
// whatever the client was then told.
type Entry struct {
	Seq       int       `json:"seq"`
	IssueID   string    `json:"issueId"`
	Project   string    `json:"project"`
	Marker    string    `json:"marker"`
	RequestID string    `json:"requestId,omitempty"`
	At        time.Time `json:"at"`
	// Told is what the client got: "created", or the fault that came instead.
	Told string `json:"told"`
}

// Options sets up a Tracker.
type Options struct {
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// MaxIssues bounds the store; DefaultMaxIssues if zero.
	MaxIssues int
	// HookTransport is how webhooks are sent; nil: to wherever their addresses say.
	HookTransport http.RoundTripper
	// HookRetry is the pause before a webhook is tried again; DefaultHookRetry if zero.
	HookRetry time.Duration
}

// Tracker is the tracker itself: projects, issues, faults to order, and books
// of every create it ever carried out. It is safe for concurrent use. Close ends
// its webhooks.
type Tracker struct {
	now       func() time.Time
	maxIssues int

	mu       sync.RWMutex
	projects map[string]*project
	issues   []*Record // by id-1; nil for a deleted one
	books    []Entry
	faults   faults
	// hooksMade counts the hooks that there ever were.
	hooksMade int

	sender *sender
}

type project struct {
	keys     []secret.String
	issues   []*Record
	byMarker map[string][]*Record
	// created counts the issues that the project ever had.
	created int
	hooks   []Hook
	outage  outage
}

// nextKey returns the key of the next issue in a project of this name.
func (p *project) nextKey(name string) string {
	p.created++
	return fmt.Sprintf("%s-%d", strings.ToUpper(name), p.created)
}

// NewTracker makes an empty one.
func NewTracker(opts Options) *Tracker {
	t := &Tracker{now: opts.Now, maxIssues: opts.MaxIssues, projects: map[string]*project{}}
	if t.now == nil {
		t.now = time.Now
	}
	if t.maxIssues <= 0 {
		t.maxIssues = DefaultMaxIssues
	}
	t.sender = newSender(t.now, opts)
	return t
}

// AddProject makes a project, or gives an existing one further keys. Only who
// has one of a project's keys sees it.
func (t *Tracker) AddProject(name string, keys ...secret.String) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.projects[name]
	if p == nil {
		p = &project{byMarker: map[string][]*Record{}}
		t.projects[name] = p
	}
	for _, k := range keys {
		if !slices.ContainsFunc(p.keys, func(have secret.String) bool { return have.Equal(k.Reveal()) }) {
			p.keys = append(p.keys, k)
		}
	}
}

// RemoveKey takes a key from a project: whoever has it sees the project no
// more, and is not known at all if no other project has the key.
func (t *Tracker) RemoveKey(name string, key secret.String) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.projects[name]; p != nil {
		p.keys = slices.DeleteFunc(p.keys, func(have secret.String) bool { return have.Equal(key.Reveal()) })
	}
}

// Issues lists a project's issues, or all for "", newest first, at most limit
// (0: all).
func (t *Tracker) Issues(name string, limit int) []Record {
	t.mu.RLock()
	defer t.mu.RUnlock()
	from := t.issues
	if name != "" {
		from = nil
		if p := t.projects[name]; p != nil {
			from = p.issues
		}
	}
	if limit <= 0 || limit > len(from) {
		limit = len(from)
	}
	out := make([]Record, 0, limit)
	for _, r := range slices.Backward(from) {
		if len(out) == limit {
			break
		}
		if r == nil {
			continue // deleted
		}
		out = append(out, r.copy())
	}
	return out
}

// Issue returns one issue by its id or by any key that it ever had.
func (t *Tracker) Issue(id string) (Record, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	r := t.byID(id)
	if r == nil {
		r = t.byKey(id)
	}
	if r == nil {
		return Record{}, false
	}
	return r.copy(), true
}

func (t *Tracker) byKey(key string) *Record {
	if !strings.Contains(key, "-") {
		return nil
	}
	for _, r := range t.issues {
		if r == nil {
			continue
		}
		for _, k := range r.keys {
			if strings.EqualFold(k, key) {
				return r
			}
		}
	}
	return nil
}

// Marked lists the issues with a marker that were made in a project, oldest
// first. It ignores the look-up lag, and where the issues are now.
func (t *Tracker) Marked(name, marker string) []Record {
	return t.marked(name, marker, func(*Record) bool { return true })
}

// Books lists the creates carried out after the one numbered after, in their
// order, at most limit (0: all).
func (t *Tracker) Books(after, limit int) []Entry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	from := t.books[min(max(after, 0), len(t.books)):]
	if limit > 0 && limit < len(from) {
		from = from[:limit]
	}
	return slices.Clone(from)
}

// create stores an issue and its line in the books.
func (t *Tracker) create(r Record, requestID, outcome string) (Record, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.projects[r.Project]
	if p == nil {
		return Record{}, errNoProject
	}
	if len(t.issues) >= t.maxIssues {
		return Record{}, errFull
	}
	r.ID = strconv.Itoa(len(t.issues) + 1)
	r.Key = p.nextKey(r.Project)
	r.Status = StatusOpen
	r.CreatedAt = t.now()
	r.UpdatedAt = r.CreatedAt
	stored := r.copy()
	stored.subject = r.Project + " " + r.Title
	stored.keys = map[string]string{r.Project: r.Key}
	t.issues = append(t.issues, &stored)
	p.issues = append(p.issues, &stored)
	p.byMarker[r.Marker] = append(p.byMarker[r.Marker], &stored)
	t.books = append(t.books, Entry{Seq: len(t.books) + 1, IssueID: r.ID, Project: r.Project, Marker: r.Marker,
		RequestID: requestID, At: r.CreatedAt, Told: outcome})
	return r, nil
}

func (t *Tracker) marked(name, marker string, show func(*Record) bool) []Record {
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := []Record{}
	if p := t.projects[name]; p != nil {
		for _, r := range p.byMarker[marker] {
			if show(r) {
				out = append(out, r.copy())
			}
		}
	}
	return out
}

func (t *Tracker) comment(id, text string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.byID(id)
	switch {
	case r == nil:
		return errNoIssue
	case len(r.Comments) >= maxComments:
		return errTooMany
	}
	r.Comments = append(r.Comments, text)
	return nil
}

// byID needs the lock.
func (t *Tracker) byID(id string) *Record {
	n, err := strconv.Atoi(id)
	if err != nil || n < 1 || n > len(t.issues) {
		return nil
	}
	return t.issues[n-1]
}

func (r *Record) copy() Record {
	c := *r
	c.Labels, c.Comments, c.keys = slices.Clone(r.Labels), slices.Clone(r.Comments), nil
	return c
}
