package targets

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/text"
)

// OpResolve is the operation of Target.Resolve, as it stands in errors and
// metrics.
const OpResolve = "find issue by its name"

// maxReference bounds what people call an issue, in bytes.
const maxReference = 2000

// Resolver is the ability to find an issue by what people call it: its key,
// or its page's address. A missing one is fault.NotFound.
type Resolver interface {
	Resolve(ctx context.Context, ref *Reference) (Issue, error)
}

// Reference is what people call an issue, taken apart. An address is only
// read, never opened: the tracker that the settings name is asked for the
// issue that it seems to name, and Target.Resolve then compares the addresses.
type Reference struct {
	key     string
	address *url.URL
	path    []string
	// at is where in the path the issue's id was found; -1: elsewhere.
	at int
}

// parseReference reads a key or an address.
func parseReference(name string) (*Reference, bool) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > maxReference || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return nil, false
	}
	if !strings.Contains(name, "://") {
		return &Reference{key: name, at: -1}, true
	}
	u, err := url.Parse(name)
	if err != nil || !text.WebAddress(name) || u.User != nil {
		return nil, false
	}
	return &Reference{address: u, path: segments(u), at: -1}, true
}

func segments(u *url.URL) []string {
	return slices.DeleteFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "" })
}

// Key is the key as it was given; "" for an address.
func (r *Reference) Key() string { return r.key }

// Number is the key without a "#" in front, or without "place#"; "" for an
// address and for another place's key.
func (r *Reference) Number(place string) string {
	before, number, ok := strings.Cut(r.key, "#")
	if !ok {
		return r.key
	}
	if before != "" && !strings.EqualFold(before, place) {
		return ""
	}
	return number
}

// After is the part of an address' path that stands behind the last of these
// names; "" for a key, and where there is none. Everything before the name must
// then be the same as in the issue's own address.
func (r *Reference) After(names ...string) string {
	for i := len(r.path) - 2; i >= 0; i-- {
		if slices.Contains(names, r.path[i]) {
			r.at = i + 1
			return r.path[i+1]
		}
	}
	return ""
}

// Query is a parameter of an address. Only its host is compared.
func (r *Reference) Query(name string) string {
	if r.address == nil {
		return ""
	}
	return r.address.Query().Get(name)
}

// AnyPlace declares that what After found names one issue of the whole host,
// whatever place its address names.
func (r *Reference) AnyPlace() { r.at = -1 }

// leadsTo reports whether an address can be that of an issue.
func (r *Reference) leadsTo(issue Issue) bool {
	if r.address == nil {
		return true
	}
	own, err := url.Parse(issue.URL)
	if err != nil || !strings.EqualFold(own.Host, r.address.Host) {
		return false
	}
	// The name itself may differ: GitLab has two for the same.
	path := segments(own)
	before := max(r.at-1, 0)
	return len(path) >= before && slices.EqualFunc(path[:before], r.path[:before], strings.EqualFold)
}

// Resolve finds an issue by its key or its page's address. Its error is
// fault.NotFound where the integration's account sees no such issue, and
// fault.Invalid where the name is not one of this tracker's. supported is false
// where the tracker cannot be asked.
func (t *Target) Resolve(ctx context.Context, name string) (issue Issue, supported bool, err error) {
	driver, ok := Ability[Resolver](t.driver)
	if !ok {
		return Issue{}, false, nil
	}
	err = t.run(ctx, OpResolve, func(ctx context.Context) error {
		ref, ok := parseReference(name)
		if !ok {
			return t.notOurs(name, errors.New("neither a key nor an address"))
		}
		issue, err = driver.Resolve(ctx, ref)
		switch {
		case err != nil && (fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Gone):
			e := *fault.From(err)
			e.Kind = fault.NotFound
			e.Public = t.traits.Name + " has no issue " + text.Title(name, text.MaxNames) + ", or does not show it to the integration's account."
			return &e
		case err != nil:
			return err
		}
		if issue, err = t.issue(issue); err != nil {
			return err
		}
		if !ref.leadsTo(issue) {
			return t.notOurs(name, errors.New("the issue's own address is another"))
		}
		return nil
	})
	if err != nil {
		return Issue{}, true, err
	}
	return issue, true, nil
}

func (t *Target) notOurs(name string, err error) error {
	place := t.traits.Name
	if t.traits.Place != "" {
		place += ", " + t.traits.Place
	}
	return &fault.Error{Kind: fault.Invalid, Err: err,
		Public: text.Title(name, text.MaxNames) + " is not the key or address of an issue where this integration pushes to (" + text.Title(place, text.MaxNames) + ")."}
}
