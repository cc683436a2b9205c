package targets

import (
	"cmp"
	"context"
	"sync"
	"time"
)

const (
	// personLife is how long an account that was found, or not, is believed.
	personLife = 10 * time.Minute
	// maxPeople bounds how many are remembered.
	maxPeople = 1000
)

// directory remembers which account has an e-mail address.
type directory struct {
	mu    sync.Mutex
	known map[string]account
}

type account struct {
	id    string
	until time.Time
}

func (d *directory) get(email string) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k, ok := d.known[email]
	return k.id, ok && time.Now().Before(k.until)
}

func (d *directory) put(email, id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || len(d.known) >= maxPeople {
		d.known = map[string]account{}
	}
	d.known[email] = account{id: id, until: time.Now().Add(personLife)}
}

func (d *directory) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known = nil
}

// findPeople turns the e-mail addresses that the mapping gave into accounts.
// One that cannot be found becomes a line of the description: it must never
// stop a push.
func (t *Target) findPeople(ctx context.Context, d *Draft) {
	if email := d.unresolved.assignee; email != "" {
		if d.Assignee = t.findPerson(ctx, email); d.Assignee == "" {
			d.footerLines = append(d.footerLines, "Assignee: "+cmp.Or(d.unresolved.assigneeText, email))
		}
	}
	if email := d.unresolved.requester; email != "" && t.traits.SetsRequester {
		d.Requester = t.findPerson(ctx, email) // Reporter names the person anyway
	}
}

func (t *Target) findPerson(ctx context.Context, email string) string {
	driver, ok := Ability[People](t.driver)
	if !ok {
		return ""
	}
	if id, ok := t.people.get(email); ok {
		return id
	}
	id, err := driver.FindPerson(ctx, email)
	if err != nil {
		return ""
	}
	t.people.put(email, id)
	return id
}
