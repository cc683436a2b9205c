// Package targets is the layer that all trackers share. Target validates, cuts,
// bounds time, finds before it creates, and reports of every outcome whether it
// is sure. The trackers themselves are Drivers, one folder each.
//
// What must not live here: a tracker's JSON, its vocabulary or its limits
// other than as data; Productboard's wire format; the button's state.
package targets

import (
	"context"
	"time"

	"pushbutton/internal/richtext"
)

// Marker is our own handle for one desired issue. It is stable for an
// integration, entity and epoch, so any process derives the same one after a
// crash. It has at most 64 characters of [a-z0-9-]. It goes into the issue with
// the create itself, into the tracker's most native searchable place.
type Marker string

// Draft is the desired issue, mapped and in no tracker's format.
type Draft struct {
	Marker Marker
	// Title is one line, not empty. Target breaks the references in it as
	// Traits.Titles says, and cuts it to Limits.Title.
	Title string
	// Description is the entity's text; the driver renders it in its own
	// format within its own limit.
	Description richtext.Doc
	// Link is the entity's page in Productboard, shown in the issue.
	Link string
	// Labels are plain names; a driver whose tracker has none ignores them.
	Labels []string
	// Reporter is who clicked, as a line of text: as much as settings.pushedBy
	// allows, and as Productboard tells.
	Reporter string
	// Assignee and Requester are accounts of the tracker, as People found
	// them; empty where there are none. A driver without People ignores them.
	Assignee, Requester string
	// Fields are custom fields, each with values that fit its type. A driver
	// without FieldLister has none.
	Fields []FieldValue
	// BMPOnly has Target replace the characters above U+FFFF in all texts, which
	// some trackers' databases cannot store; see MayBeCharacters. A line of the
	// description says so.
	BMPOnly bool

	unresolved  unresolved
	footerLines []string
	// warnings are sentences for a preview.
	warnings []string
	// shortened, if set, receives from Render whether it had to cut.
	shortened *bool
	// shrink, if set, makes texts shorter than usual.
	shrink *shrink
	// sizes, if set, receives the lengths of texts by custom field, as Render
	// counts; "" is the description.
	sizes map[string]int
}

// Progress is how far an issue is, in the three steps every tracker has.
type Progress uint8

// The steps of Progress.
const (
	Open Progress = iota
	Started
	Done
)

// Issue is an issue as the tracker shows it now.
type Issue struct {
	// ID is what the API calls it; Key is what people call it ("PB-12", "#7").
	ID  string `json:"id"`
	Key string `json:"key"`
	// URL opens it in a browser.
	URL   string `json:"url"`
	Title string `json:"title,omitempty"`
	// Status is the tracker's own name for where it stands ("In Progress").
	Status   string   `json:"status,omitempty"`
	Progress Progress `json:"progress,omitempty"`
	// Color is the button's colour, one of text.Colors. The settings' colour for this
	// status comes first, then the tracker's own. Empty means by Progress.
	Color string `json:"color,omitempty"`
	// Verdict is VerdictPresent unless Read found the issue moved or trashed.
	Verdict Verdict `json:"-"`
}

// Driver is the interface that every tracker implements. Its methods are called with a
// deadline and must honour it. Errors are *fault.Error. Public is a sentence for
// the person who clicked. Create must set Unsure where the issue may exist all
// the same; outbound.Client does so for what it sends.
//
// One Driver serves all pushes of an integration, so every method, those of the
// optional abilities too, may run at the same time as itself and as any other.
// The caller's fence keeps two Creates for one marker apart. What a driver
// remembers must be safe for concurrent use, as a Memo is. Package targettest
// checks each method; its case "many at once" runs Creates side by side.
type Driver interface {
	// Check authenticates, and checks that what the settings name (project, tracker,
	// fields) exists and is enough to create an issue, without creating anything.
	//
	// It may run while pushes run, and renews what the driver remembers. The suite
	// checks that it creates nothing, and that it refuses each wrong credential and
	// a wrong project.
	Check(ctx context.Context) error
	// Find looks an issue up by its marker. No issue and no error means that there
	// is none, or none yet (see Traits.Consistency). Of several it returns the
	// oldest.
	//
	// It may run while the tracker still works on an earlier Create of the marker.
	// The suite checks that a failed or forbidden look-up is never "none", and that
	// the lag stays within Traits.Consistency.
	Find(ctx context.Context, marker Marker) (*Issue, error)
	// Create sends exactly one create request; it never retries.
	//
	// Creates for different markers may run at the same time. The suite counts the
	// requests, and checks the outcome of each status, of cut and held connections,
	// and of answers that cannot be read.
	Create(ctx context.Context, draft Draft) (Issue, error)
	// Traits describes the driver. The result is constant, so Target asks once.
	//
	// The suite checks that the declared look-up, lag and title limit hold.
	Traits() Traits
}

// Traits describes a driver to the shared layer.
type Traits struct {
	// Name is the tracker's name for people ("Redmine").
	Name string
	// Limits of the tracker; 0 means none.
	Limits TextLimits
	// Titles is the dialect in which the tracker looks for names and numbers in
	// titles; Target breaks them. The zero value means that titles are plain text.
	Titles richtext.MarkdownOptions
	// Lookup is how Find looks for an issue.
	Lookup Lookup
	// Consistency is how long after a create Find may still miss it; 0 means
	// that Find is immediate.
	Consistency time.Duration
	// Exclusive is set where the tracker itself refuses a second issue with
	// the same marker: the handle is an id that we choose.
	Exclusive bool
	// Place is where the issues go, for sentences ("project ENG").
	Place string
	// SetsRequester is set where the driver makes Draft.Requester the issue's
	// reporter; People must be there.
	SetsRequester bool
	// Caveat is a sentence for admins about what these settings cannot
	// promise, shown by apply and doctor; empty: nothing.
	Caveat string
}

// Lookup is how a driver finds an issue by its marker. The empty Lookup means
// that a driver has not declared its own, which the suite refuses.
type Lookup string

// The look-ups.
const (
	// LookupNone finds nothing: a create whose outcome is unknown is sent again.
	LookupNone Lookup = "none"
	// LookupExact reads the issue by an id that we chose.
	LookupExact Lookup = "exact"
	// LookupSearch has the tracker filter its issues by the marker.
	LookupSearch Lookup = "search"
	// LookupScan reads through the latest issues and compares the marker.
	LookupScan Lookup = "scan"
)

// Lookups lists every look-up that a driver can declare.
func Lookups() []Lookup { return []Lookup{LookupNone, LookupExact, LookupSearch, LookupScan} }

// TextLimits are the most characters that the tracker takes. Target cuts the
// title; the driver, which alone knows how long a text becomes in its format,
// cuts the description (see Draft.Render).
type TextLimits struct {
	Title       int
	Description int
}

// Reader is the ability to read an issue that is known by its id. VerdictOf
// reports what became of it. A driver names moved and trashed issues in
// Issue.Verdict, and keeps the id it was asked for. It explains an issue that it
// does not see by wire.Absence.
type Reader interface {
	Read(ctx context.Context, id string) (Issue, error)
}

// Commenter is the ability to add a remark to an issue. Its errors follow
// VerdictOf.
type Commenter interface {
	Comment(ctx context.Context, id, text string) error
}

// Closer is the ability to close an issue; closing a closed one is no error.
// Its errors follow VerdictOf.
type Closer interface {
	Close(ctx context.Context, id string) error
}

// Updater is the ability to write an issue's title and description anew, and
// with them everything else of the draft that the tracker takes. The marker
// stays. Its errors follow VerdictOf.
type Updater interface {
	Update(ctx context.Context, id string, draft Draft) (Issue, error)
}

// People is the ability to find the account that has an e-mail address: its
// id, or "" if there is none that new issues can be given to.
type People interface {
	FindPerson(ctx context.Context, email string) (id string, err error)
}

// FieldLister is the ability to say which fields a new issue takes beyond
// title, description, labels, assignee and reporter. Create then writes
// Draft.Fields.
type FieldLister interface {
	ListFields(ctx context.Context) ([]FieldInfo, error)
}

// Chooser is the ability to list what a setting can be: the projects, the
// types. setting is a name of Kind.Settings. For one that cannot be listed it
// returns no choices and no error.
type Chooser interface {
	Choices(ctx context.Context, setting string) ([]Choice, error)
}

// Choice is one value of a setting.
type Choice struct {
	Value string `json:"value"`
	Title string `json:"title,omitempty"`
}

// Duplicates is the ability to list every issue that carries a marker, oldest
// first.
type Duplicates interface {
	FindAll(ctx context.Context, marker Marker) ([]Issue, error)
}

// Expirer is the ability to say when the credential in use ends.
type Expirer interface {
	// Expires returns the time from which the tracker refuses the credential. It is
	// zero where the credential has no end, or the tracker does not say.
	Expires(ctx context.Context) (time.Time, error)
}

// Oldest is the Find of a driver whose FindAll costs no more.
func Oldest(found []Issue, err error) (*Issue, error) {
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}
