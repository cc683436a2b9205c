package targets

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets/templates"
)

// forgetful is a driver whose field and people change between two look-ups.
type forgetful struct {
	scripted
	errs  []error // of each create or update in turn
	calls int
	lists int
}

func (f *forgetful) next() error {
	err := f.errs[min(f.calls, len(f.errs)-1)]
	f.calls++
	return err
}

func (f *forgetful) Create(_ context.Context, d Draft) (Issue, error) {
	f.got = d
	return f.issue, f.next()
}

func (f *forgetful) Update(_ context.Context, _ string, d Draft) (Issue, error) {
	f.got = d
	return f.issue, f.next()
}

func (f *forgetful) ListFields(context.Context) ([]FieldInfo, error) {
	f.lists++
	ids := []string{"old", "new"}
	return []FieldInfo{{ID: "m", Name: "Milestone", Type: ValueOption, Options: []Option{{ID: ids[min(f.lists, 2)-1], Name: "v1"}}}}, nil
}

func (f *forgetful) FindPerson(context.Context, string) (string, error) {
	return []string{"left", "here"}[min(f.lists, 1)], nil
}

func TestStaleRefusalIsAskedOnceMore(t *testing.T) {
	t.Parallel()
	refused := &fault.Error{Kind: fault.Invalid, Public: "Tracker: milestone old is gone."}
	unsure := &fault.Error{Kind: fault.Invalid, Unsure: true}
	for name, c := range map[string]struct {
		errs  []error
		calls int
		value string
		kind  fault.Kind // Internal: none
	}{
		"went right":         {[]error{nil}, 1, "old", 0},
		"stale, then right":  {[]error{Stale(refused), nil}, 2, "new", 0},
		"stale both times":   {[]error{Stale(refused)}, 2, "new", fault.Invalid},
		"refused":            {[]error{refused}, 1, "old", fault.Invalid},
		"stale but unsure":   {[]error{Stale(unsure)}, 1, "old", fault.Invalid},
		"stale, then unsure": {[]error{Stale(refused), unsure}, 2, "new", fault.Invalid},
	} {
		for op, run := range map[string]func(*Target, Draft) error{
			"create": func(target *Target, d Draft) error { _, err := target.Create(t.Context(), d); return err },
			"update": func(target *Target, d Draft) error { _, _, err := target.Update(t.Context(), "7", d); return err },
		} {
			t.Run(name+", "+op, func(t *testing.T) {
				driver := &forgetful{scripted: scripted{issue: Issue{ID: "7"}}, errs: c.errs}
				target := New(driver, Options{})
				draft := Draft{Marker: marker, Title: "x"}
				draft.unresolved.fields = []rawField{{"m", written(t, "v1")}}
				err := run(target, draft)
				require.Equal(t, c.calls, driver.calls)
				require.Equal(t, c.value, driver.got.Fields[0].Values[0])
				if c.kind == 0 {
					require.NoError(t, err)
					return
				}
				require.Error(t, err)
				require.Equal(t, c.kind, fault.KindOf(err))
				require.Equal(t, fault.IsUnsure(c.errs[len(c.errs)-1]), fault.IsUnsure(err))
			})
		}
	}
}

// An account that was found before a stale refusal is looked up again too.
func TestStaleRefusalForgetsPeople(t *testing.T) {
	t.Parallel()
	driver := &forgetful{scripted: scripted{issue: Issue{ID: "7"}}, errs: []error{Stale(&fault.Error{Kind: fault.Invalid}), nil}}
	draft := Draft{Marker: marker, Title: "x"}
	draft.unresolved.assignee = "jane@example.com"
	draft.unresolved.fields = []rawField{{"m", written(t, "v1")}}
	_, err := New(driver, Options{}).Create(t.Context(), draft)
	require.NoError(t, err)
	require.Equal(t, "here", driver.got.Assignee)
}

// A label never fails a push: what the tracker refuses stands in the text.
func TestRefusedLabelsAreLeftOut(t *testing.T) {
	t.Parallel()
	refused := &fault.Error{Kind: fault.Invalid, Public: "Tracker: labels are exclusive."}
	for name, c := range map[string]struct {
		labels []string
		errs   []error
		calls  int
		sets   []string
		fails  bool
	}{
		"refused":                    {[]string{"a", "b\nc"}, []error{LabelsRefused(refused), nil}, 2, nil, false},
		"stale, then refused":        {[]string{"a"}, []error{Stale(refused), LabelsRefused(refused), nil}, 3, nil, false},
		"refused to the end":         {[]string{"a"}, []error{LabelsRefused(refused)}, 2, nil, true},
		"no labels to leave out":     {nil, []error{LabelsRefused(refused)}, 1, nil, true},
		"refused, then stale":        {[]string{"a"}, []error{LabelsRefused(refused), Stale(refused)}, 2, nil, true},
		"refused, but it may be set": {[]string{"a"}, []error{LabelsRefused(&fault.Error{Kind: fault.Invalid, Unsure: true})}, 1, []string{"a"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			driver := &forgetful{scripted: scripted{issue: Issue{ID: "7"}}, errs: c.errs}
			_, err := New(driver, Options{}).Create(t.Context(), Draft{Marker: marker, Title: "x", Labels: c.labels})
			require.Equal(t, c.fails, err != nil, err)
			require.Equal(t, c.calls, driver.calls)
			require.Equal(t, c.sets, driver.got.Labels)
			if len(c.labels) == 2 {
				require.Contains(t, driver.got.Render(1000, nil, func(d richtext.Doc) string { return d.Plain() }), "Labels not set in Tracker: a, b c")
			}
		})
	}
}

func TestStaleKeepsTheError(t *testing.T) {
	t.Parallel()
	cause := &fault.Error{Op: "post", Kind: fault.NotFound, Err: errors.New("no such label")}
	err := Stale(cause)
	require.Equal(t, cause.Error(), err.Error())
	require.Same(t, cause, fault.From(err))
	require.NoError(t, Stale(nil))
}

// written is what the template of a field wrote.
func written(t *testing.T, text string) templates.Composed {
	t.Helper()
	value, err := templates.NewRichTexts().Split(text)
	require.NoError(t, err)
	return value
}
