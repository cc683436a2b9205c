// Package backup writes a tenant with all that belongs to it into one encrypted
// file, and restores a tenant from such a file. That can be here after a
// deletion, or in another deployment, sealed with that one's keys.
//
// The file is an age file (age-encryption.org/v1). Inside are lines of JSON:
// header, tenant, integrations with their credentials open, connections,
// trailer. An import reads all of it before it writes anything, and the tenant
// takes no click before all of it is written.
//
// What is not in a file: the audit log, the connections' histories, OAuth
// sessions (a copy of one would end it), the queue. What must not live here:
// how records are kept (tenants, connections), what Productboard is told
// (register), where files come from.
package backup

import (
	"fmt"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
)

const (
	// Version is that of the inner form. It rises with every field that is
	// added or changes its meaning: a reader rejects what it does not know.
	Version = 1
	// format names the inner form.
	format = "pushbutton tenant"
	// MaxLine bounds a line, in bytes. The largest is an integration with
	// tenants.MaxRecord of settings, escaped.
	MaxLine = 1 << 20
	// MaxConnections bounds the connections of one file: the highest limit a
	// tenant can have.
	MaxConnections = tenants.MaxLimit
	// batch is how many connections are written at once.
	batch = 500
	// progressEvery is after how many connections progress is told.
	progressEvery = 10_000
)

// Options are what Backups can do without.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Backups exports and imports tenants. It is safe for concurrent use.
type Backups struct {
	tenants *tenants.Store
	records *connections.Store
	clock   func() time.Time
}

// New makes Backups of the tenants of a store with their records. opts may be
// nil.
func New(store *tenants.Store, records *connections.Store, opts *Options) *Backups {
	b := &Backups{tenants: store, records: records, clock: time.Now}
	if opts != nil && opts.Now != nil {
		b.clock = opts.Now
	}
	return b
}

// Content counts what a file holds.
type Content struct {
	Tenant string
	// Exported is when the file was begun.
	Exported     time.Time
	Integrations int
	Connections  int64
	// Unfinished counts the connections that somebody had still to work on.
	Unfinished int64
}

// Progress is called now and then with how many connections are done. It may be
// nil.
type Progress func(connections int64)

func (p Progress) tell(n int64) {
	if p != nil && n%progressEvery == 0 {
		p(n)
	}
}

func (b *Backups) now() time.Time { return b.clock().UTC() }

const (
	opExport = "export tenant"
	opImport = "import tenant"
)

// invalidFile says that a file cannot be imported and why, without a word of it.
func invalidFile(message string, args ...any) error {
	return fault.New(fault.Invalid, opImport, fmt.Sprintf(message, args...))
}
