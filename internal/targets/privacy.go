package targets

import (
	"cmp"
	"context"
	"strings"
)

// OpPublic is the operation of Target.Caveat, as it stands in errors and
// metrics.
const OpPublic = "ask who can read issues"

// What an issue says of the person who clicked.
const (
	pushedByFull = "full"
	pushedByName = "name"
	pushedByNone = "none"
)

// PublicPlace is the ability to say whether anybody can read new issues,
// without an account of the tracker's.
type PublicPlace interface {
	IsPublic(ctx context.Context) (bool, error)
}

// shownName is the name without the address; a name that is an address itself
// is no name.
func (p Person) shownName() string {
	if strings.Contains(p.Name, "@") {
		return ""
	}
	return p.Name
}

// pusher returns what an issue says of the person who clicked.
func (m *mapping) pusher(p Person) string {
	switch m.pushedBy {
	case pushedByFull:
		return p.String()
	case pushedByName:
		return p.shownName()
	default:
		return ""
	}
}

// assigneeText is what the description calls an assignee whom the tracker does
// not know. An address that an admin wrote into the settings is shown as it is.
func (m *mapping) assigneeText(item Item) string {
	person, role := item.Owner, "the item's owner"
	switch m.assignee {
	case personOwner:
	case personPusher:
		person, role = item.Pusher, "the person who pushed it"
	default:
		return m.assignee
	}
	switch m.pushedBy {
	case pushedByFull:
		return person.Email
	case pushedByName:
		return cmp.Or(person.shownName(), role)
	default:
		return role
	}
}

// Caveat returns what an admin should know of these settings, in sentences: what
// they cannot promise, and whether addresses of people become public. It asks the
// tracker for the latter, and leaves it out if no answer comes.
func (t *Target) Caveat(ctx context.Context) string {
	caveat := t.traits.Caveat
	if driver, ok := Ability[PublicPlace](t.driver); ok && t.opts.mapping.pushedBy == pushedByFull {
		public := false
		err := t.run(ctx, OpPublic, func(ctx context.Context) error {
			var err error
			public, err = driver.IsPublic(ctx)
			return err
		})
		if err == nil && public {
			caveat = strings.TrimSpace(strings.TrimRight(caveat, " ") + " Anybody can read the issues" + t.in() +
				", and settings.pushedBy: full writes the e-mail address of the person who clicks into them. Set it to name or none.")
		}
	}
	return caveat
}
