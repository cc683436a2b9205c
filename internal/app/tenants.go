package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"filippo.io/age"

	"pushbutton/internal/admin/audit"
	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/backup"
	"pushbutton/internal/tenants/register"
)

// commandLine is who did it, in the audit log, where no token says.
const commandLine = "command line"

func (a *App) backups() *backup.Backups {
	return backup.New(a.tenants, a.records, nil)
}

// ExportTenant writes a tenant's encrypted file to out, and the result to notes.
func (a *App) ExportTenant(ctx context.Context, out, notes io.Writer, tenant string, to age.Recipient) error {
	t, err := a.tenants.Tenant(tenant).Get(ctx)
	if err != nil {
		return err
	}
	if !t.Halted() {
		_, _ = fmt.Fprintln(notes, "The tenant is in use: good for a backup. To move it, suspend it first and export then.")
	}
	return a.audited(ctx, "exportTenant", tenant, []string{audit.Deployment, tenant}, func() error {
		c, err := a.backups().Export(ctx, out, tenant, to, progressTo(notes, "exported"))
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(notes, "exported %s\n", summary(c))
		return nil
	})
}

// ImportTenant creates the tenant of an encrypted file, and writes to notes what is
// left to do.
func (a *App) ImportTenant(ctx context.Context, file io.ReadSeeker, notes io.Writer, tenant string, keys []age.Identity) error {
	return a.audited(ctx, "importTenant", tenant, []string{audit.Deployment}, func() error {
		c, err := a.backups().Import(ctx, file, tenant, keys, progressTo(notes, "imported"))
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(notes, "imported %s of %s\n", summary(c), c.Exported.Format(time.RFC3339))
		return a.whatIsLeft(ctx, notes, tenant)
	})
}

func summary(c backup.Content) string {
	return fmt.Sprintf("%s: %d integrations, %d connections (%d unfinished)", c.Tenant, c.Integrations, c.Connections, c.Unfinished)
}

// progressTo writes a line for each report of progress.
func progressTo(notes io.Writer, what string) backup.Progress {
	return func(n int64) { _, _ = fmt.Fprintf(notes, "%s %d connections\n", what, n) }
}

// whatIsLeft writes what an operator has to do after an import.
func (a *App) whatIsLeft(ctx context.Context, notes io.Writer, tenant string) error {
	registrar := a.Registrar()
	elsewhere := 0
	for after := ""; ; {
		page, next, err := a.tenants.Tenant(tenant).Integrations(ctx, after, tenants.MaxPage)
		if err != nil {
			return err
		}
		for _, in := range page {
			if registrar.PointsElsewhere(in) {
				elsewhere++
				_, _ = fmt.Fprintf(notes, "  %s (%s): Productboard calls another address, or has another secret\n", in.Name, in.ID)
			}
			if in.Productboard.Kind == tenants.AuthOAuth {
				_, _ = fmt.Fprintf(notes, "  %s (%s): connect it to Productboard again, its OAuth session is not in the file\n", in.Name, in.ID)
			}
		}
		if next == "" {
			break
		}
		after = next
	}
	_, _ = fmt.Fprintln(notes, "The tenant is suspended. Make sure that no other deployment works for it any more, then:")
	if elsewhere > 0 {
		_, _ = fmt.Fprintf(notes, "  plugin tenants repoint %s\n", tenant)
	}
	_, _ = fmt.Fprintf(notes, "  plugin tenants resume %s\n", tenant)
	return nil
}

// RepointTenant sets this deployment's address at Productboard wherever that has
// another one, and writes a report to out.
func (a *App) RepointTenant(ctx context.Context, out io.Writer, tenant string) error {
	t, err := a.tenants.Tenant(tenant).Get(ctx)
	if err == nil && (t.Importing != "" || !t.Deleting.IsZero()) {
		err = fault.New(fault.Conflict, "repoint tenant", "The tenant is being imported or deleted.")
	}
	if err != nil {
		return err
	}
	return a.audited(ctx, "repointTenant", tenant, []string{tenant}, func() error {
		var report register.Report
		report, err := a.Registrar().Repoint(ctx, tenant)
		if werr := report.Write(out); werr != nil {
			return werr
		}
		if err == nil && len(report.Integrations) == 0 {
			_, _ = fmt.Fprintln(out, "nothing points elsewhere")
		}
		return err
	})
}

// SuspendTenant suspends a tenant, for a reason that operators read.
func (a *App) SuspendTenant(ctx context.Context, tenant, reason string) error {
	return a.setSuspension(ctx, "suspendTenant", tenant, &tenants.Suspension{Reason: reason, Since: time.Now().UTC()})
}

// ResumeTenant ends a suspension.
func (a *App) ResumeTenant(ctx context.Context, tenant string) error {
	return a.setSuspension(ctx, "resumeTenant", tenant, nil)
}

func (a *App) setSuspension(ctx context.Context, operation, tenant string, to *tenants.Suspension) error {
	scope := a.tenants.Tenant(tenant)
	t, err := scope.Get(ctx)
	if err == nil && t.Importing != "" {
		err = fault.New(fault.Conflict, operation, "The tenant is being imported. Import the file again if that was cut short.")
	}
	if err != nil {
		return err
	}
	return a.audited(ctx, operation, tenant, []string{tenant}, func() error {
		_, err := scope.Alter(ctx, func(t *tenants.Tenant) { t.Suspended = to })
		return err
	})
}

// entryLimit bounds the writing of a command's outcome. Nobody waits for it as for
// a click, so there is time to ask a slow Redis again.
const entryLimit = 5 * time.Second

// audited writes an entry to audit logs, as the admin API does.
func (a *App) audited(ctx context.Context, operation, tenant string, logs []string, do func() error) error {
	open, err := audit.New(a.rdb).Begin(ctx, audit.Entry{At: time.Now().UTC(), Subject: commandLine, Operation: operation, Path: "/tenants/" + tenant, Tenant: tenant}, logs...)
	if err != nil {
		return err
	}
	outcome := audit.Done
	failed := do()
	if failed != nil {
		outcome = fault.KindOf(failed).String()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), entryLimit)
	defer cancel()
	if err := open.End(ctx, outcome, "", ""); err != nil && failed == nil {
		return err
	}
	return failed
}
