package register

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// job is one desired integration on its way.
type job struct {
	tenant  string
	desired Desired
	// stored is our record, nil where there is none yet.
	stored *tenants.Integration
	// goal is the record as it shall be.
	goal    tenants.Integration
	session Session
	// existing is the integration as Productboard shows it, nil if it shows nothing.
	existing *pbapi.Integration
	action   action
	// mayStayPending lets it stay pending where nobody has authorised the plugin yet.
	mayStayPending bool
	// takeOver is an integration that was made elsewhere and shall become this one.
	takeOver *pbapi.Integration

	state    State
	caveat   string
	webhook  Webhook
	changes  []string
	problems Problems
}

// action names what has to be done for a job.
type action uint8

const (
	// actionUpdate compares, and changes what differs, if anything.
	actionUpdate action = iota
	// actionCreate stores a new record and creates.
	actionCreate
	// actionResume creates for the record of a run that was cut short.
	actionResume
	// actionAdopt takes over what the run that was cut short had created.
	actionAdopt
	// actionRecreate creates again what is gone at Productboard.
	actionRecreate
	// actionStore only stores: nobody has authorised the plugin yet.
	actionStore
	// actionTakeOver makes ours what was made elsewhere.
	actionTakeOver
)

func (j *job) fail(field string, err error) {
	j.state = Failed
	j.problems = append(j.problems, Problem{field, err})
}

// refuse fails for something that the caller can change.
func (j *job) refuse(kind fault.Kind, field, format string, args ...any) {
	j.fail(field, fault.New(kind, "check integration", fmt.Sprintf(format, args...)))
}

func failed(jobs []*job) bool {
	for _, j := range jobs {
		if j.state == Failed {
			return true
		}
	}
	return false
}

// plan checks everything, decides what has to be done, and writes nothing.
func (r *Registrar) plan(ctx context.Context, declaration Declaration) []*job {
	var jobs []*job
	for _, t := range declaration.Tenants {
		for _, d := range t.Integrations {
			jobs = append(jobs, &job{tenant: t.ID, desired: d})
		}
	}
	workspaces := &workspaces{open: r.productboard, known: map[string]*workspace{}}
	var group errgroup.Group // without its context: every job reports, also after one has failed
	group.SetLimit(parallel)
	for _, j := range jobs {
		group.Go(func() error {
			r.check(ctx, j, workspaces)
			return nil
		})
	}
	_ = group.Wait()
	refuseDuplicates(jobs)
	return jobs
}

// check finds the record of a declaration, and checks the two together.
func (r *Registrar) check(ctx context.Context, j *job, workspaces *workspaces) {
	stored, err := r.store.Tenant(j.tenant).ByName(ctx, j.desired.Integration.Name)
	switch {
	case err == nil:
		j.stored = &stored
	case !errors.Is(err, fault.NotFound):
		j.fail(FieldName, err)
		return
	}
	j.mayStayPending = true
	r.inspect(ctx, j, bothSides(), workspaces.of)
}

// isPending reports whether the record is one that was stored for somebody to
// authorise the plugin, and was never about to be registered.
func (j *job) isPending() bool {
	return j.stored != nil && j.goal.Productboard.Kind == tenants.AuthOAuth && j.stored.ProductboardID == "" && j.stored.CreateBegun.IsZero()
}

// sides says which sides of an integration have to be looked at.
type sides struct{ target, productboard bool }

func productboardOnly() sides { return sides{productboard: true} }

func bothSides() sides { return sides{target: true, productboard: true} }

// inspect checks the desired integration against the record, the tracker and
// Productboard, and decides what has to be done.
func (r *Registrar) inspect(ctx context.Context, j *job, look sides, open func(context.Context, tenants.Integration) *workspace) {
	var err error
	if j.goal, err = r.goal(j.tenant, j.desired.Integration, j.stored); err != nil {
		j.fail(FieldSettings, err)
		return
	}
	if err := r.store.Fits(j.goal); err != nil {
		j.fail(FieldSettings, err)
		return
	}
	if j.stored != nil {
		refuseMoves(j)
		if j.goal.Target.Type != j.stored.Target.Type {
			look.target = false // another tracker must not see these credentials
		}
		if look != bothSides() {
			j.goal.Reconnect = j.stored.Reconnect // what is not looked at is not known to work
		}
	}
	var checked Checked
	if look.target {
		if checked, err = r.checkTarget(ctx, j.tenant, j.goal.Target); err != nil {
			describeTarget(j, err)
		}
		j.caveat = checked.Caveat
		if checked.ExpiryKnown {
			j.goal.SetExpiry(fault.SideTracker, checked.Expires)
		}
	}
	if !look.productboard {
		return
	}
	if j.stored == nil && j.goal.Productboard.Kind == tenants.AuthOAuth {
		j.action = actionStore
		return
	}
	ws := open(ctx, j.goal)
	if ws.err != nil && j.mayStayPending && j.isPending() && fault.KindOf(ws.err) == fault.Unauthorized {
		j.action = actionStore
		return
	}
	if ws.err != nil {
		j.fail(FieldToken, ws.err)
		return
	}
	j.session = ws.session
	if err := CheckItemFields(ctx, ws.session, checked.ItemFields); err != nil {
		j.fail(FieldSettings, err)
	}
	r.decide(ctx, j, ws.listed)
}

// goal is the record as declared, with what is kept of the stored one.
func (r *Registrar) goal(tenant string, desired tenants.Integration, stored *tenants.Integration) (tenants.Integration, error) {
	in := tenants.Integration{
		Tenant: tenant, Name: desired.Name, Type: desired.Type, ButtonLabel: desired.ButtonLabel,
		Productboard: desired.Productboard, Answer: desired.Answer, OnUnlink: desired.OnUnlink, Refresh: desired.Refresh,
		Target: desired.Target, Disabled: desired.Disabled,
	}
	if in.Answer == "" {
		in.Answer = tenants.AnswerV2
	}
	if mode := desired.HookMode(); mode != tenants.HooksAuto {
		in.Hooks = mode
	}
	if in.OnUnlink == "" {
		in.OnUnlink = tenants.UnlinkLeave
	}
	now := r.now().UTC()
	if stored != nil {
		in.ID, in.ActionAuth, in.ProductboardID = stored.ID, stored.ActionAuth, stored.ProductboardID
		if in.Former = stored.Former; !in.Former.Rotating() && now.After(in.Former.Until) {
			in.Former = tenants.FormerAuth{}
		}
		in.CreateBegun, in.CreatedAt, in.UpdatedAt = stored.CreateBegun, stored.CreatedAt, stored.UpdatedAt
		in.Registered, in.Version = stored.Registered, stored.Version
		if in.Type == "" {
			in.Type = stored.Type
		}
		in.Hook = stored.Hook
		keepExpiry(*stored, &in)
	} else {
		in.ID, in.ActionAuth = tenants.NewID(), tenants.NewActionAuth()
	}
	if in.Type == "" {
		in.Type = DefaultTypePrefix + in.Target.Type
	}
	if in.Target.Credentials == nil {
		in.Target.Credentials = map[string]secret.String{}
	}
	in.SecretsSet = secretsSet(stored, in, now)
	// The settings as they will be read back, so that they can be compared.
	raw, err := json.Marshal(in.Target.Settings)
	if err != nil {
		return in, fault.New(fault.Invalid, "read settings", "The settings cannot be stored: "+err.Error())
	}
	in.Target.Settings = nil
	if err := json.Unmarshal(raw, &in.Target.Settings); err != nil {
		return in, fault.Wrap(fault.Internal, "read settings", err)
	}
	return in, nil
}

// refuseMoves refuses what cannot be changed once buttons exist.
func refuseMoves(j *job) {
	refuseDeleting(j)
	if j.goal.Type != j.stored.Type {
		j.refuse(fault.Invalid, FieldType, "cannot be changed from %q to %q: Productboard fixes it at creation; declare an integration of another name instead", j.stored.Type, j.goal.Type)
	}
	if j.goal.Target.Type != j.stored.Target.Type {
		j.refuse(fault.Invalid, FieldTargetType, "cannot be changed from %q to %q: the issues of the existing buttons are in the former; declare an integration of another name instead",
			j.stored.Target.Type, j.goal.Target.Type)
	}
}

func refuseDeleting(j *job) {
	if !j.stored.Deleting.IsZero() {
		j.refuse(fault.Conflict, FieldName, "is being deleted; its deletion has to be finished first")
	}
}

// refuseDuplicates refuses two declarations of what Productboard would show as the
// same column; names within one tenant are unique already.
func refuseDuplicates(jobs []*job) {
	type column struct{ token, kind, name string }
	first := map[column]*job{}
	for _, j := range jobs {
		key := column{accountOf(j.goal), j.goal.Type, j.goal.Name}
		if other := first[key]; other != nil {
			j.refuse(fault.Conflict, FieldName, "is declared twice for the same Productboard workspace, also in tenant %s", other.tenant)
			continue
		}
		first[key] = j
	}
}

// decide chooses the action of a job.
func (r *Registrar) decide(ctx context.Context, j *job, listed []pbapi.Integration) {
	if j.takeOver != nil {
		j.action, j.existing = actionTakeOver, j.takeOver
		return
	}
	var same []pbapi.Integration // of the same type and name
	for _, in := range listed {
		if j.goal.ProductboardID != "" && in.ID == j.goal.ProductboardID {
			j.existing = &in
			return
		}
		if in.Type == j.goal.Type && in.Name == j.goal.Name {
			same = append(same, in)
		}
	}
	begun := j.stored != nil && j.stored.ProductboardID == ""
	switch {
	case j.stored != nil && !begun && !r.recreate:
		j.refuse(fault.Conflict, FieldToken, "Productboard does not have the integration %s any more, or does not show it with this token; if it was deleted there, apply again with recreate", j.goal.ProductboardID)
	case begun && r.now().Before(j.stored.CreateBegun.Add(createSettles)):
		j.refuse(fault.Conflict, FieldName, "Productboard is creating it at the moment, or has left open whether it did; apply again after %s", j.stored.CreateBegun.Add(createSettles).UTC().Format("15:04:05 MST"))
	case begun && !j.stored.CreateBegun.IsZero() && len(same) == 1 && !r.isOurs(ctx, j, same[0].ID):
		j.action, j.existing = actionAdopt, &same[0]
	case len(same) > 0:
		j.refuse(fault.Conflict, FieldName, "Productboard already has an integration of the type %q with this name that this plugin did not make (%s); delete it there or choose another name", j.goal.Type, same[0].ID)
	case begun:
		j.action = actionResume
	case j.stored != nil:
		j.action = actionRecreate
	default:
		j.action = actionCreate
	}
}

// isOurs reports whether any of our records has an integration of Productboard's.
// It reads them all, which is done for an orphan alone.
func (r *Registrar) isOurs(ctx context.Context, j *job, productboardID string) bool {
	for after := ""; ; {
		page, next, err := r.store.Tenants(ctx, after, tenants.MaxPage)
		for _, t := range page {
			found := false
			err = errors.Join(err, eachIntegration(ctx, r.store.Tenant(t.ID), func(in tenants.Integration) {
				found = found || in.ProductboardID == productboardID
			}))
			if found {
				return true
			}
		}
		if err != nil {
			j.fail(FieldName, err)
			return true
		}
		if next == "" {
			return false
		}
		after = next
	}
}

// accountOf names whose session an integration uses: an OAuth session belongs
// to the integration, other credentials can be shared.
func accountOf(in tenants.Integration) string {
	if in.Productboard.Kind == tenants.AuthOAuth {
		return in.ID
	}
	return in.Productboard.Fingerprint()
}

// workspaces lists each account's integrations once.
type workspaces struct {
	open  func(tenants.Integration) Session
	mu    sync.Mutex
	known map[string]*workspace
}

type workspace struct {
	once    sync.Once
	session Session
	listed  []pbapi.Integration
	err     error
}

func (w *workspaces) of(ctx context.Context, in tenants.Integration) *workspace {
	account := accountOf(in)
	w.mu.Lock()
	ws := w.known[account]
	if ws == nil {
		ws = &workspace{}
		w.known[account] = ws
	}
	w.mu.Unlock()
	ws.once.Do(func() {
		ws.session = w.open(in)
		for in, err := range ws.session.ListIntegrations(ctx) {
			if err == nil && len(ws.listed) == maxListed {
				err = &fault.Error{Op: "list integrations", Kind: fault.Unavailable, Side: fault.SideProductboard, Public: "Productboard's list of integrations is too long."}
			}
			if err != nil {
				ws.err = err
				return
			}
			ws.listed = append(ws.listed, in)
		}
	})
	return ws
}
