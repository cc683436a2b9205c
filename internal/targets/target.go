package targets

import (
	"context"
	"time"

	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/settings"
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
	defaultTimeout      = 20 * time.Second
	defaultCheckTimeout = 30 * time.Second
)

// Options sets up a Target.
type Options struct {
	// Type is the kind's name, for metrics ("redmine").
	Type string
	// Timeout bounds each operation but Check; defaultTimeout if zero.
	Timeout time.Duration
	// CheckTimeout bounds Check; defaultCheckTimeout if zero.
	CheckTimeout time.Duration
	// Observe, if set, is called for every operation when it has ended.
	Observe func(Observation)
	// Quota, if set, remembers every rate limit that the tracker names. Ready asks
	// it.
	Quota Quota
	// secrets never appear in an error's text, whoever put them there.
	secrets secret.Mask
	// addresses are those that an admin gave; http judges them.
	addresses []settings.Address
	http      *outbound.Client
	// reached are all that the settings name, defaults too, and credentials
	// the names of those that there are.
	reached     []settings.Address
	credentials []string
	// mapping is made of the settings that every kind has; nil: the defaults.
	mapping *mapping
}

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
// everything that is the same for all of them. It is safe for concurrent use,
// as its Driver must be: what it remembers of fields and people has locks. Every error it returns is a *fault.Error with Op, Side
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
		opts.Timeout = defaultTimeout
	}
	if opts.CheckTimeout <= 0 {
		opts.CheckTimeout = defaultCheckTimeout
	}
	if opts.mapping == nil {
		opts.mapping, _ = newMapping(settings.Values{}) // the defaults have no errors
	}
	return &Target{driver: driver, traits: driver.Traits(), opts: opts}
}

// Type is the kind's name ("redmine").
func (t *Target) Type() string { return t.opts.Type }

// Traits describes the tracker.
func (t *Target) Traits() Traits { return t.traits }

// Check authenticates and checks that issues can be created, without creating
// one. It asks the driver, and then whether the mapping fills what the tracker
// requires.
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
		if err != nil || issue == nil {
			return err
		}
		whole, err := t.issue(*issue)
		found = &whole
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
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
		found, err := driver.FindAll(ctx, marker)
		if err != nil {
			return err
		}
		issues, err = t.issues(found)
		return err
	})
	if err != nil {
		return nil, true, err
	}
	return issues, true, nil
}

// Create sends one create request for the draft, cut to the tracker's limits,
// and another only after a refusal that created nothing and has a remedy: Stale,
// LabelsRefused, TooLong. All of them are sent within the one intent that the
// caller recorded, and each asks the caller's fence.
// OutcomeOf(err) says whether the issue exists; an unknown outcome is to be
// resolved with Find.
func (t *Target) Create(ctx context.Context, draft Draft) (Issue, error) {
	var issue Issue
	err := t.run(ctx, OpCreate, func(ctx context.Context) error {
		if err := validMarker(draft.Marker); err != nil {
			return err
		}
		made, err := t.send(ctx, draft, t.driver.Create)
		if err != nil {
			return err
		}
		issue, err = t.issue(made)
		return err
	})
	if err != nil {
		return Issue{}, err
	}
	return issue, nil
}

// Update writes an issue's title and description anew. supported is false
// where the tracker cannot.
func (t *Target) Update(ctx context.Context, id string, draft Draft) (issue Issue, supported bool, err error) {
	driver, ok := Ability[Updater](t.driver)
	if !ok {
		return Issue{}, false, nil
	}
	err = t.run(ctx, OpUpdate, func(ctx context.Context) error {
		update := func(ctx context.Context, draft Draft) (Issue, error) { return driver.Update(ctx, id, draft) }
		written, err := t.send(ctx, draft, update)
		// To write the same text again does no harm, so this need not be looked up.
		if MayBeCharacters(err) && !draft.BMPOnly {
			draft.BMPOnly = true
			written, err = t.send(ctx, draft, update)
		}
		if err != nil {
			return err
		}
		issue, err = t.issue(written)
		return err
	})
	if err != nil {
		return Issue{}, true, err
	}
	return issue, true, nil
}

// Read reads an issue as it is now; VerdictOf says what became of it.
// supported is false where the tracker cannot be asked.
func (t *Target) Read(ctx context.Context, id string) (issue Issue, supported bool, err error) {
	driver, ok := Ability[Reader](t.driver)
	if !ok {
		return Issue{}, false, nil
	}
	err = t.run(ctx, OpRead, func(ctx context.Context) error {
		read, err := driver.Read(ctx, id)
		if err != nil {
			return err
		}
		issue, err = t.issue(read)
		return err
	})
	if err != nil {
		return Issue{}, true, err
	}
	return issue, true, nil
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

// Expires returns when the credential ends; zero where it has no end.
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
