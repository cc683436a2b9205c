package memtarget

import (
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"
)

// What people do with an issue after it was made.

// projectName is what Move accepts as the name of a new project.
var projectName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// SetStatus sets an issue to one of Statuses.
func (t *Tracker) SetStatus(id, status string) error {
	if !slices.Contains(Statuses(), status) {
		return errNoStatus
	}
	return t.change(id, func(r *Record) string { return set(&r.Status, status, ChangeStatus) })
}

// Rename gives an issue another title.
func (t *Tracker) Rename(id, title string) error {
	if title == "" || utf8.RuneCountInString(title) > maxTitle {
		return errTitle
	}
	return t.change(id, func(r *Record) string { return set(&r.Title, title, ChangeTitle) })
}

// SetTrashed throws an issue away, or restores it. A trashed issue can be read,
// but neither found nor changed through the API.
func (t *Tracker) SetTrashed(id string, trashed bool) error {
	what := ChangeRestored
	if trashed {
		what = ChangeTrashed
	}
	return t.change(id, func(r *Record) string { return set(&r.Trashed, trashed, what) })
}

// SetHidden hides an issue from every key, or shows it again.
func (t *Tracker) SetHidden(id string, hidden bool) error {
	what := ChangeShown
	if hidden {
		what = ChangeHidden
	}
	return t.change(id, func(r *Record) string { return set(&r.Hidden, hidden, what) })
}

// Move moves an issue to another project, where it has another key. Its id and
// its old keys still lead to it. A project that does not exist is made, with the
// keys of the one that the issue leaves.
func (t *Tracker) Move(id, to string) error {
	if len(to) > maxName || !projectName.MatchString(to) {
		return errBadName
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.byID(id)
	if r == nil {
		return errNoIssue
	}
	if r.Project == to {
		return nil
	}
	from, target := t.projects[r.Project], t.projects[to]
	if target == nil {
		target = &project{keys: slices.Clone(from.keys), byMarker: map[string][]*Record{}}
		t.projects[to] = target
	}
	from.issues = slices.DeleteFunc(from.issues, func(have *Record) bool { return have == r })
	target.issues = append(target.issues, r)
	if r.keys[to] == "" {
		r.keys[to] = target.nextKey(to)
	}
	left := r.Project
	r.Project, r.Key = to, r.keys[to]
	t.tell(r, map[string]string{left: ChangeMoved, to: ChangeArrived})
	return nil
}

// Delete deletes an issue for good. Its line in the books stays, and its id is
// never given out again.
func (t *Tracker) Delete(id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.byID(id)
	if r == nil {
		return errNoIssue
	}
	t.tell(r, map[string]string{r.Project: ChangeDeleted})
	n, _ := strconv.Atoi(id) // byID has read it
	t.issues[n-1] = nil
	same := func(have *Record) bool { return have == r }
	for name := range r.keys {
		p := t.projects[name]
		p.issues = slices.DeleteFunc(p.issues, same)
		p.byMarker[r.Marker] = slices.DeleteFunc(p.byMarker[r.Marker], same)
	}
	return nil
}

// set sets a field, and returns what changed by that; empty: nothing.
func set[T comparable](field *T, to T, what string) string {
	if *field == to {
		return ""
	}
	*field = to
	return what
}

// change changes an issue, and tells what apply says.
func (t *Tracker) change(id string, apply func(*Record) string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.byID(id)
	if r == nil {
		return errNoIssue
	}
	if what := apply(r); what != "" {
		t.tell(r, map[string]string{r.Project: what})
	}
	return nil
}

// shown returns an issue, by its id or key, as a project shows it to a key.
func (t *Tracker) shown(id, project, key string) (Record, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	r := t.byID(id)
	if r == nil {
		r = t.byKey(id)
	}
	if r == nil {
		return Record{}, errNoIssue
	}
	if err := t.shows(r, project, key); err != nil {
		return Record{}, err
	}
	return r.copy(), nil
}

// shows returns why a project does not show an issue to one of its keys, or nil.
// It needs the lock.
func (t *Tracker) shows(r *Record, project, key string) error {
	home := t.projects[r.Project]
	switch {
	case r.keys[project] == "":
		return errNoIssue
	case r.Hidden, r.Project != project && (!home.opens(key) || t.suffers(home).Lost):
		return errHidden
	}
	return nil
}
