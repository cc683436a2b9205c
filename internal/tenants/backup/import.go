package backup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
)

// Import makes the tenant of a file, which must be the one that is named. The
// whole file is read and checked before anything is written, and read again
// then. There must be no tenant of this id, unless an import of this very file
// was cut short, which is gone on with. The tenant takes no click and nothing
// is done for it before all is written; then it is suspended, since nothing
// tells whether the deployment that it comes from still works for it.
//
// fault.Invalid if the file or the keys are to blame, with nothing written;
// fault.Conflict if something that is here already is. progress is told of the
// connections that are written.
func (b *Backups) Import(ctx context.Context, file io.ReadSeeker, id string, keys []age.Identity, progress Progress) (Content, error) {
	plan := &plan{ctx: ctx, b: b, tenant: id}
	content, sum, err := b.pass(file, keys, plan)
	if err != nil {
		return content, err
	}
	if err := b.begin(ctx, plan); err != nil {
		return content, err
	}
	act := &act{ctx: ctx, b: b, plan: plan, progress: progress}
	_, again, err := b.pass(file, keys, act)
	if err == nil {
		err = act.flush()
	}
	if err == nil && again != sum {
		err = refuse("The file was changed while it was read.")
	}
	if err == nil {
		err = b.finish(ctx, plan)
	}
	if err != nil {
		return content, cutShort(err)
	}
	return content, nil
}

// cutShort says what to do about an import that has begun to write.
func cutShort(err error) error {
	f := *fault.From(err)
	f.Public = fmt.Sprintf("The import was cut short (%s); import the same file again, which goes on, or delete the tenant.", f.Public)
	f.Err = err
	return &f
}

// pass reads the file from its beginning.
func (b *Backups) pass(file io.ReadSeeker, keys []age.Identity, to taker) (content Content, sum [sha256.Size]byte, err error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return Content{}, sum, unreadable(err)
	}
	f, err := openFile(file, keys)
	if err != nil {
		return Content{}, sum, err
	}
	digest := sha256.New()
	content, err = read(io.TeeReader(f, digest), to)
	return content, [sha256.Size]byte(digest.Sum(nil)), err
}

// plan is the first reading: it checks the file against what is here.
type plan struct {
	ctx    context.Context
	b      *Backups
	tenant string

	file string // its id
	made tenants.Tenant
	// there tells that an import of this file has begun already.
	there bool
}

func (p *plan) head(h header, t tenants.Tenant) error {
	if h.Tenant != p.tenant {
		return refuse("The file holds the tenant %q, not %q.", h.Tenant, p.tenant)
	}
	p.file, p.made = h.ID, t
	var err error
	p.there, err = p.b.begun(p.ctx, p)
	return err
}

func (p *plan) integration(in tenants.Integration) error {
	if err := p.b.Tenants.Fits(in); err != nil {
		return refuse("The integration %q of the file cannot be stored: %s", in.Name, fault.From(err).Public)
	}
	holder, err := p.b.Tenants.Holder(p.ctx, in.ID)
	if err == nil && holder != "" && holder != p.tenant {
		err = fault.New(fault.Conflict, opImport, fmt.Sprintf("The integration %s of the file belongs to another tenant here.", in.ID))
	}
	return err
}

func (p *plan) connection(connections.Entry) error {
	if err := context.Cause(p.ctx); err != nil {
		return fault.Wrap(fault.Canceled, opImport, err)
	}
	return nil
}

// begun tells whether an import of the file has begun here; fault.Conflict if
// there is a tenant of another origin.
func (b *Backups) begun(ctx context.Context, p *plan) (bool, error) {
	t, err := b.Tenants.Tenant(p.tenant).Get(ctx)
	switch {
	case errors.Is(err, fault.NotFound):
		return false, nil
	case err != nil:
		return false, err
	case !t.Deleting.IsZero():
		return false, fault.New(fault.Conflict, opImport, "The tenant is being deleted: wait until it is gone.")
	case t.Importing == "":
		return false, fault.New(fault.Conflict, opImport, "The tenant exists already. An import neither replaces nor merges: delete it first, or keep it.")
	case t.Importing != p.file:
		return false, fault.New(fault.Conflict, opImport, "An import of another file into this tenant was cut short: finish that one, or delete the tenant first.")
	default:
		return true, nil
	}
}

// begin makes the tenant, as one that nothing is done for, and puts its limits
// into force.
func (b *Backups) begin(ctx context.Context, p *plan) error {
	if !p.there {
		_, err := b.Tenants.AddTenant(ctx, tenants.Tenant{ID: p.tenant, Importing: p.file})
		if errors.Is(err, fault.Conflict) {
			_, err = b.begun(ctx, p) // somebody else imports it at the same time, or made another
		}
		if err != nil {
			return err
		}
	}
	l := p.made.Limits
	return b.Connections.SetLimits(ctx, p.tenant, connections.Limits{InFlight: l.InFlight, Waiting: l.Waiting, Connections: l.Connections, PerSecond: l.PerSecond})
}

// alive tells whether the tenant still is the one that is being imported.
func (b *Backups) alive(ctx context.Context, p *plan) (tenants.Tenant, error) {
	t, err := b.Tenants.Tenant(p.tenant).Get(ctx)
	if err == nil && (t.Importing != p.file || !t.Deleting.IsZero()) {
		err = fault.New(fault.Conflict, opImport, "The tenant was deleted, or completed by another import, meanwhile.")
	}
	return t, err
}

// act is the second reading: it writes.
type act struct {
	ctx      context.Context
	b        *Backups
	plan     *plan
	progress Progress

	waiting []connections.Entry
	done    int64
}

func (a *act) head(h header, _ tenants.Tenant) error {
	if h.ID != a.plan.file {
		return refuse("The file was changed while it was read.")
	}
	return nil
}

func (a *act) integration(in tenants.Integration) error {
	return a.b.Tenants.Tenant(a.plan.tenant).Restore(a.ctx, in)
}

func (a *act) connection(e connections.Entry) error {
	if a.waiting = append(a.waiting, e); len(a.waiting) < batch {
		return nil
	}
	return a.flush()
}

func (a *act) flush() error {
	if len(a.waiting) == 0 {
		return nil
	}
	// Records outlive a tenant that was deleted meanwhile.
	if _, err := a.b.alive(a.ctx, a.plan); err != nil {
		return err
	}
	if err := a.b.Connections.Import(a.ctx, a.waiting); err != nil {
		return err
	}
	a.done += int64(len(a.waiting))
	a.waiting = a.waiting[:0]
	a.progress.tell(a.done)
	return nil
}

// finishTries bounds how often the end begins again after a lost race.
const finishTries = 5

// finish makes the tenant what the file says, suspended.
func (b *Backups) finish(ctx context.Context, p *plan) (err error) {
	for range finishTries {
		var t tenants.Tenant
		if t, err = b.alive(ctx, p); err != nil {
			return err
		}
		made := p.made
		made.CreatedAt, made.Version = t.CreatedAt, t.Version
		if made.Suspended == nil {
			made.Suspended = b.suspension()
		}
		if _, err = b.Tenants.Tenant(p.tenant).UpdateTenant(ctx, made); !errors.Is(err, tenants.ErrStale) {
			return err
		}
	}
	return err
}

func (b *Backups) suspension() *tenants.Suspension {
	return &tenants.Suspension{Since: b.now().Truncate(time.Second),
		Reason: "Imported. Resume it once no other deployment works for it and Productboard calls this one."}
}
