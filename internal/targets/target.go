package targets

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime/debug"
	"slices"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
)

// The operations, as they stand in errors and metrics.
const (
	OpCheck   = "check"
	OpFind    = "find issue"
	OpCreate  = "create issue"
	OpRead    = "read issue"
	OpComment = "comment on issue"
	OpClose   = "close issue"
	OpUpdate  = "update issue"
	OpPreview = "preview issue"
	OpExpires = "ask when the credential ends"

	opReady = "ask for the rate limit"
)

// Time-outs of one operation, all its requests included, unless Options says
// otherwise.
const (
	DefaultTimeout      = 20 * time.Second
	DefaultCheckTimeout = 30 * time.Second
)

// Limits of a Draft's smaller parts, in characters.
const (
	maxLabels   = 20
	maxLabel    = 100
	maxReporter = 200
	maxLink     = 1000
	maxTitle    = 4096 // for trackers that name no limit
	maxRef      = 100
)

// Options sets up a Target.
type Options struct {
	// Type is the kind's name, for metrics ("redmine").
	Type string
	// Timeout bounds each operation but Check; DefaultTimeout if zero.
	Timeout time.Duration
	// CheckTimeout bounds Check; DefaultCheckTimeout if zero.
	CheckTimeout time.Duration
	// Observe, if set, is told of every operation when it has ended.
	Observe func(Observation)
	// Quota, if set, is told of every rate limit that the tracker names, and
	// asked by Ready.
	Quota Quota
	// secrets never appear in an error's text, whoever put them there.
	secrets secret.Mask
	// addresses are those that the settings name; http judges them.
	addresses []Address
	http      *outbound.Client
	// mapping is made of the settings that every kind has; nil: the defaults.
	mapping *mapping
}

// Quota remembers, for all who use the same credential, until when a tracker
// wants no calls.
type Quota interface {
	// Wait returns nil where a call may be sent, else fault.RateLimited with
	// RetryAfter.
	Wait(ctx context.Context) error
	// Limited keeps all from calling for d.
	Limited(ctx context.Context, d time.Duration) error
}

// limitPause is for a rate limit that names no time: long enough that not
// everybody who waits collects a refusal of his own.
const limitPause = 10 * time.Second

// Observation is one finished operation.
type Observation struct {
	// Type is the kind's name and Op one of the Op constants; both come from
	// small closed sets and can be metric labels.
	Type, Op string
	Duration time.Duration
	// Outcome is meaningful for OpCreate alone.
	Outcome Outcome
	Err     error
}

// Target is a tracker as the rest of the plugin sees it: a Driver with
// everything that is the same for all of them. It is safe for concurrent use
// if its Driver is. Every error it returns is a *fault.Error with Op, Side
// and Public set; Public has at most MaxPublic characters.
type Target struct {
	driver Driver
	traits Traits
	opts   Options
	people directory
	fields Memo[[]FieldInfo]
}

// New makes a Target of a driver.
func New(driver Driver, opts Options) *Target {
	if opts.Timeout <= 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.CheckTimeout <= 0 {
		opts.CheckTimeout = DefaultCheckTimeout
	}
	if opts.mapping == nil {
		opts.mapping, _ = newMapping(Values{}) // the defaults have no errors
	}
	return &Target{driver: driver, traits: driver.Traits(), opts: opts}
}

// Type is the kind's name ("redmine").
func (t *Target) Type() string { return t.opts.Type }

// Traits describes the tracker.
func (t *Target) Traits() Traits { return t.traits }

// Check proves that issues can be created, without creating one: the driver's
// own check, then whether the mapping fills what the tracker requires.
func (t *Target) Check(ctx context.Context) error {
	return t.run(ctx, OpCheck, func(ctx context.Context) error {
		if err := t.driver.Check(ctx); err != nil {
			return err
		}
		return t.checkFields(ctx)
	})
}

// Find looks for the issue that carries a marker, the oldest if there are
// several; nil and no error means that none is visible (yet: see
// Traits.Consistency).
func (t *Target) Find(ctx context.Context, marker Marker) (*Issue, error) {
	var found *Issue
	err := t.run(ctx, OpFind, func(ctx context.Context) error {
		if err := validMarker(marker); err != nil {
			return err
		}
		issue, err := t.driver.Find(ctx, marker)
		found = issue
		return err
	})
	if err != nil || found == nil {
		return nil, err
	}
	whole := t.normal(*found)
	return &whole, nil
}

// FindAll lists every issue that carries a marker, oldest first. supported is
// false where the tracker cannot tell more than Find does.
func (t *Target) FindAll(ctx context.Context, marker Marker) (issues []Issue, supported bool, err error) {
	driver, ok := Ability[Duplicates](t.driver)
	if !ok {
		return nil, false, nil
	}
	err = t.run(ctx, OpFind, func(ctx context.Context) error {
		if err := validMarker(marker); err != nil {
			return err
		}
		var err error
		issues, err = driver.FindAll(ctx, marker)
		return err
	})
	if err != nil {
		return nil, true, err
	}
	for i := range issues {
		issues[i] = t.normal(issues[i])
	}
	return issues, true, nil
}

// Create sends one create request for the draft, cut to the tracker's limits.
// OutcomeOf(err) says whether the issue exists; an unknown outcome is to be
// resolved with Find.
func (t *Target) Create(ctx context.Context, draft Draft) (Issue, error) {
	var issue Issue
	err := t.run(ctx, OpCreate, func(ctx context.Context) error {
		if err := validMarker(draft.Marker); err != nil {
			return err
		}
		draft, err := t.complete(ctx, draft)
		if err != nil {
			return err
		}
		made, err := t.driver.Create(ctx, draft)
		if err == nil && made.ID == "" {
			err = Unreadable("", errors.New("the answer names no issue"))
		}
		issue = made
		return err
	})
	if err != nil {
		return Issue{}, err
	}
	return t.normal(issue), nil
}

// Update writes an issue's title and description anew. supported is false
// where the tracker cannot.
func (t *Target) Update(ctx context.Context, id string, draft Draft) (issue Issue, supported bool, err error) {
	driver, ok := Ability[Updater](t.driver)
	if !ok {
		return Issue{}, false, nil
	}
	err = t.run(ctx, OpUpdate, func(ctx context.Context) error {
		draft, err := t.complete(ctx, draft)
		if err == nil {
			issue, err = driver.Update(ctx, id, draft)
		}
		return err
	})
	if err != nil {
		return Issue{}, true, err
	}
	return t.normal(issue), true, nil
}

// Read reads an issue as it is now; a missing one is fault.NotFound.
// supported is false where the tracker cannot be asked.
func (t *Target) Read(ctx context.Context, id string) (issue Issue, supported bool, err error) {
	driver, ok := Ability[Reader](t.driver)
	if !ok {
		return Issue{}, false, nil
	}
	err = t.run(ctx, OpRead, func(ctx context.Context) error {
		var err error
		issue, err = driver.Read(ctx, id)
		return err
	})
	if err != nil {
		return Issue{}, true, err
	}
	return t.normal(issue), true, nil
}

// Comment adds a remark (plain text) to an issue. supported is false where
// the tracker has no remarks.
func (t *Target) Comment(ctx context.Context, id, text string) (supported bool, err error) {
	driver, ok := Ability[Commenter](t.driver)
	if !ok {
		return false, nil
	}
	return true, t.run(ctx, OpComment, func(ctx context.Context) error { return driver.Comment(ctx, id, text) })
}

// Close closes an issue; closing a closed one is no error. supported is false
// where the tracker's issues cannot be closed.
func (t *Target) Close(ctx context.Context, id string) (supported bool, err error) {
	driver, ok := Ability[Closer](t.driver)
	if !ok {
		return false, nil
	}
	return true, t.run(ctx, OpClose, func(ctx context.Context) error { return driver.Close(ctx, id) })
}

// Expires tells when the credential ends; zero where it has no end.
// supported is false where the tracker cannot be asked.
func (t *Target) Expires(ctx context.Context) (at time.Time, supported bool, err error) {
	driver, ok := Ability[Expirer](t.driver)
	if !ok {
		return time.Time{}, false, nil
	}
	err = t.run(ctx, OpExpires, func(ctx context.Context) error {
		var err error
		at, err = driver.Expires(ctx)
		return err
	})
	if err != nil {
		return time.Time{}, true, err
	}
	return at.UTC(), true, nil
}

// Ready tells, without asking the tracker, whether it takes calls: its error is
// fault.RateLimited with the time that is left. A push asks it before it asks
// anybody for anything.
func (t *Target) Ready(ctx context.Context) error {
	if t.opts.Quota == nil {
		return nil
	}
	if err := t.opts.Quota.Wait(ctx); err != nil {
		return t.fault(opReady, err)
	}
	return nil
}

// limited passes a rate limit on to all who use the credential. That they
// cannot be told costs a refusal each, no more.
func (t *Target) limited(ctx context.Context, err error) {
	if t.opts.Quota == nil || err == nil || fault.KindOf(err) != fault.RateLimited {
		return
	}
	pause := fault.From(err).RetryAfter
	if pause <= 0 {
		pause = limitPause
	}
	_ = t.opts.Quota.Limited(context.WithoutCancel(ctx), pause)
}

// run carries out one operation: bounds it, survives its panic, classifies
// its error and tells the observer.
func (t *Target) run(ctx context.Context, op string, do func(context.Context) error) error {
	start := time.Now()
	err := t.bounded(ctx, op, do)
	t.limited(ctx, err)
	if t.opts.Observe != nil {
		t.opts.Observe(Observation{Type: t.opts.Type, Op: op, Duration: time.Since(start), Outcome: OutcomeOf(err), Err: err})
	}
	return err
}

func (t *Target) bounded(ctx context.Context, op string, do func(context.Context) error) error {
	if err := context.Cause(ctx); err != nil {
		return t.fault(op, fault.Wrap(fault.Canceled, "", err)) // nothing was sent
	}
	limit := t.opts.Timeout
	if op == OpCheck {
		limit = t.opts.CheckTimeout
	}
	own, cancel := context.WithTimeoutCause(ctx, limit, &timeoutError{tracker: t.traits.Name, op: op, limit: limit})
	defer cancel()
	err := guarded(own, do)
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("the caller's own deadline passed: %w", err)
	}
	return t.fault(op, err)
}

// timeoutError is the cause of a context that this room's own limit ended.
type timeoutError struct {
	tracker, op string
	limit       time.Duration
}

func (e *timeoutError) Error() string {
	return fmt.Sprintf("%s did not finish %q within this plugin's limit of %s", e.tracker, e.op, e.limit)
}

func (e *timeoutError) Unwrap() error { return context.DeadlineExceeded }

// guarded calls do; its panic becomes an unsure error. An error that nobody
// classified after the context had ended gets the context's cause, which says
// whose limit it was.
func guarded(ctx context.Context, do func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &fault.Error{Kind: fault.Internal, Unsure: true, Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	err = do(ctx)
	if classified := (*fault.Error)(nil); err != nil && ctx.Err() != nil && !errors.As(err, &classified) {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

// fault gives an error its final form. It is called exactly once per failed
// operation.
func (t *Target) fault(op string, err error) *fault.Error {
	inner := fault.From(err)
	out := *inner
	out.Unsure = OutcomeOf(err) == OutcomeUnknown
	if err.Error() != inner.Error() {
		out.Err = err // what was wrapped around it is for the log
	}
	if out.Op == "" || out.Op == op {
		out.Op = op
	} else {
		out.Op = op + ": " + out.Op
	}
	if op == OpCheck || op == OpFind || op == OpRead || op == OpResolve || op == OpPreview || op == OpExpires {
		out.Unsure = false // nothing was to be changed
	}
	if out.Side == "" {
		out.Side = sideOf(out.Kind, t.traits.Name)
	}
	// The tracker's name belongs into the sentence; outbound, which refuses an
	// address before anybody is asked, cannot know it.
	if out.Public == "" || out.Kind == fault.Blocked {
		out.Public = publicFor(&out, t.traits.Name)
	}
	out.Public = cut(oneLine(t.mask(out.Public)), MaxPublic)
	out.Ref = cut(oneLine(t.mask(out.Ref)), maxRef)
	if out.Err != nil {
		if text := out.Err.Error(); t.mask(text) != text {
			out.Err = &maskedError{text: t.mask(text), kind: out.Kind}
		}
	}
	return &out
}

// maskedError stands for a cause whose text held a credential. It does not
// unwrap to that cause: somebody would print it.
type maskedError struct {
	text string
	kind fault.Kind
}

func (e *maskedError) Error() string { return e.text }
func (e *maskedError) Unwrap() error { return e.kind }

func (t *Target) mask(s string) string {
	return t.opts.secrets.Hide(s)
}

func validMarker(m Marker) *fault.Error {
	if m.Valid() {
		return nil
	}
	return &fault.Error{Kind: fault.Internal, Err: fmt.Errorf("marker %q is not valid", string(m))}
}

// complete makes a draft what the driver is given: cut, with the accounts of
// people and typed fields in the place of wishes.
func (t *Target) complete(ctx context.Context, d Draft) (Draft, error) {
	d = t.fit(d)
	t.findPeople(ctx, &d)
	var err error
	d.Fields, err = t.fieldValues(ctx, d.wishes.fields)
	return d, err
}

// fit cuts a draft to what every tracker takes; its description is left to
// the driver, which alone knows how long it becomes in its format.
func (t *Target) fit(d Draft) Draft {
	limit := t.traits.Limits.Title
	if limit <= 0 {
		limit = maxTitle
	}
	d.Title = Title(d.Title, limit)
	d.Reporter = cut(oneLine(d.Reporter), maxReporter)
	if !webAddress(d.Link) || len(d.Link) > maxLink {
		d.Link = ""
	}
	var labels []string
	for _, l := range d.Labels {
		if l = cut(oneLine(l), maxLabel); l != "" && !slices.Contains(labels, l) && len(labels) < maxLabels {
			labels = append(labels, l)
		}
	}
	d.Labels = labels
	return d
}

// normal fills what a driver may leave out or the settings decide, and drops an address that must
// not become a link.
func (t *Target) normal(i Issue) Issue {
	// An answer may repeat what it was asked with.
	i.ID = t.mask(i.ID)
	if i.Key == "" {
		i.Key = i.ID
	}
	i.Key, i.Title, i.Status, i.URL = t.mask(i.Key), t.mask(i.Title), t.mask(i.Status), t.mask(i.URL)
	if !webAddress(i.URL) {
		i.URL = ""
	}
	if named := t.opts.mapping.color(i.Status); named != "" {
		i.Color = named
	}
	return i
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}
