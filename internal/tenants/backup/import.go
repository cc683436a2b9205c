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

// Import makes the tenant of a file, whose id must be the given one. It reads
// and checks the whole file before it writes anything, and then reads it a second
// time. There must be no tenant of this id, unless an import of this very file
// was cut short: then Import goes on with that one.
//
// The tenant takes no click, and nothing is done for it, before all is written.
// Then it is suspended: the deployment that it comes from may still work for it.
//
// The error is fault.Invalid if the file or the keys are to blame, with nothing
// written. It is fault.Conflict if something that is already here is. progress is
// told of the connections that are written.
func (b *Backups) Import(ctx context.Context, file io.ReadSeeker, id string, keys []age.Identity, progress Progress) (Content, error) {
	check := &check{ctx: ctx, b: b, tenant: id}
	content, sum, err := b.pass(file, keys, check)
	if err != nil {
		return content, err
	}
	if err := b.begin(ctx, check); err != nil {
		return content, err
	}
	write := &write{ctx: ctx, b: b, check: check, progress: progress}
	_, second, err := b.pass(file, keys, write)
	if err == nil {
		err = write.flush()
	}
	if err == nil && second != sum {
		err = invalidFile("The file was changed while it was read.")
	}
	if err == nil {
		err = b.finish(ctx, check)
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

// check is the first reading: it checks the file against what is here.
type check struct {
	ctx    context.Context
	b      *Backups
	tenant string

	file     string // its id
	fromFile tenants.Tenant
	// resumed says that an import of this file has begun already.
	resumed bool
}

func (c *check) head(h header, t tenants.Tenant) error {
	if h.Tenant != c.tenant {
		return invalidFile("The file holds the tenant %q, not %q.", h.Tenant, c.tenant)
	}
	c.file, c.fromFile = h.ID, t
	var err error
	c.resumed, err = c.b.hasBegun(c.ctx, c)
	return err
}

func (c *check) integration(in tenants.Integration) error {
	if err := c.b.tenants.Fits(in); err != nil {
		return invalidFile("The integration %q of the file cannot be stored: %s", in.Name, fault.From(err).Public)
	}
	holder, err := c.b.tenants.Holder(c.ctx, in.ID)
	if err == nil && holder != "" && holder != c.tenant {
		err = fault.New(fault.Conflict, opImport, fmt.Sprintf("The integration %s of the file belongs to another tenant here.", in.ID))
	}
	return err
}

func (c *check) connection(connections.Entry) error {
	if err := context.Cause(c.ctx); err != nil {
		return fault.Wrap(fault.Canceled, opImport, err)
	}
	return nil
}

// hasBegun reports whether an import of the file has begun here; fault.Conflict if
// there is a tenant of another origin.
func (b *Backups) hasBegun(ctx context.Context, c *check) (bool, error) {
	t, err := b.tenants.Tenant(c.tenant).Get(ctx)
	switch {
	case errors.Is(err, fault.NotFound):
		return false, nil
	case err != nil:
		return false, err
	case !t.Deleting.IsZero():
		return false, fault.New(fault.Conflict, opImport, "The tenant is being deleted: wait until it is gone.")
	case t.Importing == "":
		return false, fault.New(fault.Conflict, opImport, "The tenant exists already. An import neither replaces nor merges: delete it first, or keep it.")
	case t.Importing != c.file:
		return false, fault.New(fault.Conflict, opImport, "An import of another file into this tenant was cut short: finish that one, or delete the tenant first.")
	default:
		return true, nil
	}
}

// begin makes the tenant, as one that nothing is done for, and puts its limits
// into force.
func (b *Backups) begin(ctx context.Context, c *check) error {
	if !c.resumed {
		_, err := b.tenants.AddTenant(ctx, tenants.Tenant{ID: c.tenant, Importing: c.file})
		if errors.Is(err, fault.Conflict) {
			_, err = b.hasBegun(ctx, c) // somebody else imports it at the same time, or made another
		}
		if err != nil {
			return err
		}
	}
	l := c.fromFile.Limits
	return b.records.SetLimits(ctx, c.tenant, connections.TenantLimits{MaxInFlight: l.MaxInFlight, MaxQueued: l.MaxQueued, MaxConnections: l.Connections, PushesPerSecond: l.PerSecond})
}

// alive returns the tenant; fault.Conflict unless it still is the one that is
// being imported.
func (b *Backups) alive(ctx context.Context, c *check) (tenants.Tenant, error) {
	t, err := b.tenants.Tenant(c.tenant).Get(ctx)
	if err == nil && (t.Importing != c.file || !t.Deleting.IsZero()) {
		err = fault.New(fault.Conflict, opImport, "The tenant was deleted, or completed by another import, meanwhile.")
	}
	return t, err
}

// write is the second reading: it writes.
type write struct {
	ctx      context.Context
	b        *Backups
	check    *check
	progress Progress

	buffer []connections.Entry
	done   int64
}

func (w *write) head(h header, _ tenants.Tenant) error {
	if h.ID != w.check.file {
		return invalidFile("The file was changed while it was read.")
	}
	return nil
}

func (w *write) integration(in tenants.Integration) error {
	return w.b.tenants.Tenant(w.check.tenant).Restore(w.ctx, in)
}

func (w *write) connection(e connections.Entry) error {
	if w.buffer = append(w.buffer, e); len(w.buffer) < batch {
		return nil
	}
	return w.flush()
}

func (w *write) flush() error {
	if len(w.buffer) == 0 {
		return nil
	}
	// Records outlive a tenant that was deleted meanwhile.
	if _, err := w.b.alive(w.ctx, w.check); err != nil {
		return err
	}
	if err := w.b.records.Import(w.ctx, w.buffer); err != nil {
		return err
	}
	w.done += int64(len(w.buffer))
	w.buffer = w.buffer[:0]
	w.progress.tell(w.done)
	return nil
}

// finishTries bounds how often the end begins again after a lost race.
const finishTries = 5

// finish makes the tenant what the file says, suspended.
func (b *Backups) finish(ctx context.Context, c *check) (err error) {
	for range finishTries {
		var t tenants.Tenant
		if t, err = b.alive(ctx, c); err != nil {
			return err
		}
		imported := c.fromFile
		imported.CreatedAt, imported.Version = t.CreatedAt, t.Version
		if imported.Suspended == nil {
			imported.Suspended = b.suspension()
		}
		if _, err = b.tenants.Tenant(c.tenant).UpdateTenant(ctx, imported); !errors.Is(err, tenants.ErrStale) {
			return err
		}
	}
	return err
}

func (b *Backups) suspension() *tenants.Suspension {
	return &tenants.Suspension{Since: b.now().Truncate(time.Second),
		Reason: "Imported. Resume it once no other deployment works for it and Productboard calls this one."}
}
