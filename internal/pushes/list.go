package pushes

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
)

// The limits of one list.
const (
	DefaultPage = 50
	MaxPage     = 200
	// MaxText bounds what is searched for, in characters.
	MaxText = 500
	// maxLook bounds how many buttons one page looks at, and maxVisits how many
	// integrations.
	maxLook   = 2000
	maxVisits = 100
)

// Filter narrows a list; empty fields do not narrow.
type Filter struct {
	// Integration is an integration's id or name.
	Integration string
	// Entity is Productboard's id of an item.
	Entity string
	State  connections.State
	// Kind is the kind of failure ("unauthorized", "unavailable", ...).
	Kind string
	// From and To narrow by the time of the last change, From included and To
	// not.
	From, To time.Time
	// Text is searched for in the item's id, in the issue's key, address and title, in
	// who clicked and in the failure. Case does not matter.
	Text string
}

// Query asks for one page of a list.
type Query struct {
	Filter
	// Cursor is Page.Next of the page before; empty begins.
	Cursor string
	// Limit bounds the page; 0 means DefaultPage, more than MaxPage MaxPage.
	Limit int
}

// Page is part of a list. Next is empty at the end of the list and nowhere else. A
// page can be short or empty and not be the last one, since a call looks at a limited
// number of buttons.
type Page struct {
	Pushes []Push
	Next   string
}

// List lists the tenant's buttons: one integration after the other by name,
// in each the newest change first, and at equal times the greatest entity. A
// *FieldError is for a query that makes no sense.
func (s Scope) List(ctx context.Context, q Query) (Page, error) {
	var page Page
	limit := min(cmp.Or(max(q.Limit, 0), DefaultPage), MaxPage)
	next, err := s.scan(ctx, q, func(_ context.Context, _ tenants.Integration, p Push) (bool, error) {
		page.Pushes = append(page.Pushes, p)
		return len(page.Pushes) < limit, nil
	})
	page.Next = next
	return page, err
}

// visitor is called for each button that the filter lets through. more reports
// whether it wants another one.
type visitor func(ctx context.Context, in tenants.Integration, p Push) (more bool, err error)

// scan visits buttons from the query's cursor on, and returns the cursor to go on
// with.
func (s Scope) scan(ctx context.Context, q Query, visit visitor) (next string, err error) {
	if err := q.check(); err != nil {
		return "", err
	}
	at, err := parseCursor(q.Cursor)
	if err != nil {
		return "", err
	}
	all, err := s.integrations(ctx, q.Integration)
	if err != nil {
		return "", err
	}
	if at.integration != "" {
		i := slices.IndexFunc(all, func(in tenants.Integration) bool { return in.ID == at.integration })
		if i < 0 {
			return "", invalidField(FieldCursor, "belongs to an integration that is gone, or that the filter leaves out: begin anew")
		}
		all = all[i:]
	}
	look := maxLook
	for i, in := range all {
		if i == maxVisits || look <= 0 {
			return cursor{integration: in.ID}.String(), nil
		}
		inner, done, err := s.scanOne(ctx, in, q, at.inner, &look, visit)
		switch {
		case err != nil:
			return "", err
		case inner != "":
			return cursor{in.ID, inner}.String(), nil
		case done && i+1 < len(all):
			return cursor{integration: all[i+1].ID}.String(), nil
		case done:
			return "", nil
		}
		at.inner = ""
	}
	return "", nil
}

// scanOne visits buttons of one integration. after is where to go on in it, and
// empty at its end. done reports that no more are wanted.
func (s Scope) scanOne(ctx context.Context, in tenants.Integration, q Query, inner string, look *int, visit visitor) (after string, done bool, err error) {
	if q.Entity != "" {
		e, err := s.service.records.Entry(ctx, s.key(in.ID, q.Entity))
		if errors.Is(err, fault.NotFound) {
			return "", false, nil
		}
		*look--
		if err != nil || !q.matches(e) {
			return "", false, err
		}
		more, err := visit(ctx, in, pushOf(e, in.Name))
		return "", !more, err
	}
	kq := connections.Query{Integration: in.ID, State: q.State, From: q.From, To: q.To, Cursor: inner, Limit: min(q.chunk(), *look)}
	for {
		page, err := s.service.records.List(ctx, s.tenant, kq)
		if err != nil {
			return "", false, cursorFault(err, kq.Cursor)
		}
		for i, e := range page.Entries {
			*look--
			if !q.matches(e) {
				continue
			}
			more, err := visit(ctx, in, pushOf(e, in.Name))
			if err != nil {
				return "", false, err
			}
			if !more && i+1 == len(page.Entries) {
				return page.Next, true, nil
			}
			if !more {
				return e.After(), true, nil
			}
		}
		if page.Next == "" || *look <= 0 {
			return page.Next, false, nil
		}
		kq.Cursor, kq.Limit = page.Next, min(2*kq.Limit, connections.MaxPage, *look)
	}
}

// cursorFault names the cursor if the store did not understand it. Everything else
// has been checked by then.
func cursorFault(err error, given string) error {
	if given != "" && fault.KindOf(err) == fault.Invalid {
		return invalidField(FieldCursor, "is not a cursor of this list")
	}
	return err
}

// chunk is how many buttons are read at first: as many as wanted where every one
// counts, and twice as many where a filter leaves some out. It doubles while they do
// not suffice, so that common buttons are found fast among many.
func (q Query) chunk() int {
	limit := min(cmp.Or(max(q.Limit, 0), DefaultPage), MaxPage)
	if q.Kind == "" && q.Text == "" {
		return limit
	}
	return min(2*limit, connections.MaxPage)
}

func (q Query) check() error {
	states := []connections.State{"", connections.Initial, connections.Progress, connections.Connected, connections.Failed}
	kinds := []string{""}
	for _, k := range fault.Kinds() {
		kinds = append(kinds, k.String())
	}
	switch {
	case !slices.Contains(states, q.State):
		return invalidField(FieldState, "must be initial, progress, connected or error")
	case !slices.Contains(kinds, q.Kind):
		return invalidField(FieldKind, "must be one of "+strings.Join(kinds[1:], ", "))
	case !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To):
		return invalidField(FieldTo, "must be after from")
	case utf8.RuneCountInString(q.Text) > MaxText:
		return invalidField(FieldText, "is too long")
	}
	return nil
}

// matches reports whether the filter lets a button through. State and time matter
// only where the store has not checked them.
func (f Filter) matches(e connections.Entry) bool {
	r := e.Record
	return (f.State == "" || r.State == f.State) &&
		(f.From.IsZero() || !e.Changed.Before(f.From)) && (f.To.IsZero() || e.Changed.Before(f.To)) &&
		(f.Kind == "" || r.Failure != nil && r.Failure.Kind == f.Kind) &&
		(f.Text == "" || mentions(e, strings.ToLower(strings.TrimSpace(f.Text))))
}

// mentions reports whether a text, in lower case, is in what people know of a
// button.
func mentions(e connections.Entry, text string) bool {
	r := e.Record
	all := []string{e.Key.Entity, r.Click.Email, r.Click.Name}
	if r.Issue != nil {
		all = append(all, r.Issue.Key, r.Issue.URL, r.Issue.Title)
	}
	for _, f := range []*connections.Failure{r.Failure, r.LastFailure} {
		if f != nil {
			all = append(all, f.Message, f.Kind, f.Ref)
		}
	}
	return slices.ContainsFunc(all, func(s string) bool { return strings.Contains(strings.ToLower(s), text) })
}

// integrations returns the one that a filter names by id or name, or all of the
// tenant's, ordered by name.
func (s Scope) integrations(ctx context.Context, which string) ([]tenants.Integration, error) {
	scope := s.service.tenants.Tenant(s.tenant)
	if which != "" {
		in, err := scope.Integration(ctx, which)
		if errors.Is(err, fault.NotFound) {
			in, err = scope.ByName(ctx, which)
		}
		if errors.Is(err, fault.NotFound) {
			return nil, UnknownIntegration()
		}
		return []tenants.Integration{in}, err
	}
	var all []tenants.Integration
	for after := ""; ; {
		page, next, err := scope.Integrations(ctx, after, tenants.MaxPage)
		if err != nil {
			return nil, err
		}
		all = append(all, page...) // at most tenants.MaxIntegrations
		if after = next; after == "" {
			return all, nil
		}
	}
}

// cursor is a place in a list: an integration, and the store's own cursor in it.
type cursor struct{ integration, inner string }

func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(c.integration + "/" + c.inner))
}

func parseCursor(s string) (cursor, error) {
	if s == "" {
		return cursor{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	integration, inner, ok := strings.Cut(string(raw), "/")
	if err != nil || !ok || integration == "" {
		return cursor{}, invalidField(FieldCursor, "is not a cursor of this list")
	}
	return cursor{integration, inner}, nil
}
