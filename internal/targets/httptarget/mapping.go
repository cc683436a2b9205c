package httptarget

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/templates"
	"pushbutton/internal/targets/text"
)

// mapping says where an issue's parts stand.
type mapping struct {
	id, key, url *value
	status       []*value
	title        *path
	// trashed matches an issue that people threw away and can still restore.
	started, done, trashed []test
	pattern                *regexp.Regexp
}

// test is a status by name, a JSONPath that must hold, or one that must select
// a text.
type test struct {
	status string
	path   *path
	equals string
}

func (t test) meets(doc any, status string) bool {
	switch {
	case t.path == nil:
		return strings.EqualFold(t.status, status)
	case t.equals != "":
		return strings.EqualFold(t.path.text(doc), t.equals)
	default:
		return t.path.isTruthy(doc)
	}
}

// known reports whether the tracker can have such an id at all.
func (m *mapping) known(id string) bool {
	if id == "" || len(id) > text.MaxIssueID || id == "." || id == ".." || strings.ContainsFunc(id, func(r rune) bool { return r < ' ' }) {
		return false
	}
	return m.pattern == nil || m.pattern.MatchString(id)
}

// names reports whether an answer has the id of an issue.
func (m *mapping) names(doc any) bool {
	return m.id != nil && m.id.path != nil && m.id.path.text(doc) != ""
}

// parts is a budget for the parts of issues in one answer. It does not end with
// the context: what was created must be known, whoever waits for it.
func parts(ctx context.Context) *templates.Budget {
	return templates.NewBudget(context.WithoutCancel(ctx))
}

// issue reads an issue off an answer. id is the one it was asked for by, if it
// was.
func (m *mapping) issue(b *templates.Budget, doc any, id, marker string) (targets.Issue, error) {
	part := partData{ID: id, Marker: marker}
	var i targets.Issue
	read := func(v *value) string {
		switch {
		case v == nil:
			return ""
		case v.path != nil:
			return v.path.text(doc)
		}
		text, err := v.tmpl.run(b, part)
		if err != nil {
			return ""
		}
		return text
	}
	found := read(m.id)
	if found == "" || !m.known(found) {
		return i, errors.New("the answer has no id of an issue")
	}
	if id == "" {
		part.ID = found
	}
	i.ID = part.ID
	if i.Key = read(m.key); i.Key == "" {
		i.Key = i.ID
	}
	part.Key = i.Key
	i.URL, i.Title = read(m.url), m.title.text(doc)
	for _, v := range m.status {
		if i.Status == "" {
			i.Status = read(v)
		}
	}
	meets := func(t test) bool { return t.meets(doc, i.Status) }
	switch {
	case slices.ContainsFunc(m.done, meets):
		i.Progress = targets.Done
	case slices.ContainsFunc(m.started, meets):
		i.Progress = targets.Started
	}
	if slices.ContainsFunc(m.trashed, meets) {
		i.Verdict = targets.VerdictTrashed
	}
	return i, nil
}

// before sorts by number where both are numbers, else by text.
func before(a, b string) int {
	x, xerr := strconv.ParseFloat(a, 64)
	y, yerr := strconv.ParseFloat(b, 64)
	if xerr == nil && yerr == nil && x != y {
		if x < y {
			return -1
		}
		return 1
	}
	return strings.Compare(a, b)
}
