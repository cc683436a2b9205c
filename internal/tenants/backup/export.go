package backup

import (
	"context"
	"io"

	"filippo.io/age"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
)

// Export writes a tenant into w, encrypted to a recipient. The tenant may be in
// use. What changes meanwhile is in the file as it was or as it is. A
// connection may be there twice, and an import takes the first. After an error
// what was written is no file that an import accepts. fault.NotFound if there
// is no such tenant, fault.Conflict if it is coming or going.
func (b *Backups) Export(ctx context.Context, w io.Writer, id string, to age.Recipient, progress Progress) (Content, error) {
	scope := b.tenants.Tenant(id)
	t, err := scope.Get(ctx)
	switch {
	case err != nil:
		return Content{}, err
	case !t.Deleting.IsZero():
		return Content{}, fault.New(fault.Conflict, opExport, "The tenant is being deleted.")
	case t.Importing != "":
		return Content{}, fault.New(fault.Conflict, opExport, "The tenant is being imported.")
	}
	sealed, err := age.Encrypt(w, to)
	if err != nil {
		return Content{}, unwritten(err)
	}
	// Closed at the end alone: without its last part the file does not open.
	out := newWriter(sealed)
	content := Content{Tenant: id, Exported: b.now()}
	if err := out.head(header{Format: format, Version: Version, ID: newFileID(), Tenant: id, Exported: content.Exported}, t); err != nil {
		return content, err
	}
	ids, err := exportIntegrations(ctx, scope, out)
	if err != nil {
		return content, err
	}
	content.Integrations = len(ids)
	for _, integration := range ids {
		for e, err := range b.records.Export(ctx, id, integration) {
			if err == nil {
				err = out.connection(e)
			}
			if err != nil {
				return content, err
			}
			content.Connections++
			if e.Record.Step != connections.Idle {
				content.Unfinished++
			}
			progress.tell(content.Connections)
		}
	}
	if err := out.end(); err != nil {
		return content, err
	}
	return content, unwritten(sealed.Close())
}

func exportIntegrations(ctx context.Context, scope tenants.Scope, out *writer) (ids []string, err error) {
	if err := scope.Whole(ctx); err != nil { // a list leaves out what cannot be read
		return nil, err
	}
	for after := ""; ; {
		page, next, err := scope.Integrations(ctx, after, tenants.MaxPage)
		if err != nil {
			return nil, err
		}
		for _, in := range page {
			if err := out.integration(in); err != nil {
				return nil, err
			}
			ids = append(ids, in.ID)
		}
		if next == "" {
			return ids, nil
		}
		after = next
	}
}
