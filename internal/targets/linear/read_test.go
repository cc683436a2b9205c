package linear_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/linear/linearfake"
)

// refusals are what comes of every change of an issue.
func refusals(t *testing.T, target *targets.Target, id string) map[string]error {
	t.Helper()
	_, commented := target.Comment(t.Context(), id, "A remark.")
	_, _, updated := target.Update(t.Context(), id, draft())
	_, closed := target.Close(t.Context(), id)
	return map[string]error{"comment": commented, "update": updated, "close": closed}
}

// Linear says the same of a deleted issue and of one that went to a team which
// the account does not see. An account that sees one team cannot tell.
func TestLimitedKeyDoesNotTakeAMoveForADeletion(t *testing.T) {
	t.Parallel()
	for name, vanish := range map[string]func(s *linearfake.Server, id string){
		"moved":   func(s *linearfake.Server, id string) { s.Move(id, linearfake.TeamOps) },
		"deleted": func(s *linearfake.Server, id string) { s.Delete(id) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := linearfake.New(t)
			s.LimitKey(linearfake.Mine, linearfake.TeamEng)
			target := open(t, s, linearfake.Account(linearfake.Mine, "ENG"))
			made, err := target.Create(t.Context(), draft())
			require.NoError(t, err)
			vanish(s, made.ID)
			errs := refusals(t, target, made.ID)
			_, _, errs["read"] = target.Read(t.Context(), made.ID)
			for op, err := range errs {
				require.Equal(t, targets.VerdictHidden, targets.VerdictOf(targets.Issue{}, err), "%s: %v", op, err)
				require.Contains(t, fault.From(err).Public, "It sees team ENG alone.")
			}
		})
	}
}

// A moved issue has a new key and address, in whatever team it is.
func TestMovedIssueIsChangedThere(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	target := open(t, s, linearfake.Account(linearfake.Mine, "ENG"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	s.Move(made.ID, linearfake.TeamOps)
	got, _, err := target.Read(t.Context(), made.ID)
	require.NoError(t, err)
	require.Equal(t, []any{made.ID, "OPS-1", "https://linear.app/acme/issue/OPS-1", targets.VerdictMoved}, []any{got.ID, got.Key, got.URL, got.Verdict})
	_, err = target.Comment(t.Context(), made.ID, "A remark.")
	require.NoError(t, err)
	require.Len(t, s.Issues()[0].Comments, 1)
	old, _, err := target.Resolve(t.Context(), "ENG-1")
	require.NoError(t, err)
	require.Equal(t, "OPS-1", old.Key, "Linear knows it by its earlier identifier")
}

// The trash can be emptied and restored from. Nothing in it is gone, and a
// look-up still finds it, since its id is taken.
func TestTrashAndArchive(t *testing.T) {
	t.Parallel()
	const at = "2026-11-01T00:00:00.000Z"
	const done = "20000000-0000-4000-8000-000000000014"
	for name, c := range map[string]struct {
		change  func(*linearfake.Issue)
		status  string
		verdict targets.Verdict
	}{
		"in the trash":           {func(i *linearfake.Issue) { i.Trashed, i.Archived = true, at }, "Deleted", targets.VerdictTrashed},
		"archived by people":     {func(i *linearfake.Issue) { i.Archived = at }, "Archived", targets.VerdictTrashed},
		"archived by itself":     {func(i *linearfake.Issue) { i.State, i.Archived, i.AutoArchived = done, at, at }, "Done", targets.VerdictPresent},
		"archived with its team": {func(i *linearfake.Issue) { i.State, i.Archived = done, at }, "Done", targets.VerdictPresent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := linearfake.New(t)
			target := open(t, s, linearfake.Account(linearfake.Mine, "ENG"))
			made, err := target.Create(t.Context(), draft())
			require.NoError(t, err)
			s.Change(made.ID, c.change)
			got, _, err := target.Read(t.Context(), made.ID)
			require.NoError(t, err)
			require.Equal(t, []any{made.ID, "ENG-1", c.status, targets.Done, c.verdict}, []any{got.ID, got.Key, got.Status, got.Progress, got.Verdict})
			before := len(s.Hits())
			require.Equal(t, []targets.ReadResult{{ID: made.ID, Issue: got, Verdict: c.verdict}}, target.ReadMany(t.Context(), []string{made.ID}))
			require.Equal(t, []string{"Issues"}, s.Hits()[before:], "the list has it")
			found, err := target.Find(t.Context(), draft().Marker)
			require.NoError(t, err)
			require.Equal(t, &got, found)
			_, err = target.Close(t.Context(), made.ID)
			require.NoError(t, err, "it needs no closing")
			_, _, err = target.Resolve(t.Context(), "ENG-1")
			require.Equal(t, c.verdict == targets.VerdictTrashed, err != nil, err)
		})
	}
}

func TestChangeInTheTrash(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	target := open(t, s, linearfake.Account(linearfake.Mine, "ENG"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	s.Change(made.ID, func(i *linearfake.Issue) { i.Trashed = true })
	errs := refusals(t, target, made.ID)
	require.NoError(t, errs["close"])
	delete(errs, "close")
	for op, err := range errs {
		require.Equal(t, fault.Invalid, fault.KindOf(err), op)
		require.Equal(t, "The issue ENG-1 was thrown away in Linear. Restore it there, or unlink and push again for a new one.", fault.From(err).Public, op)
	}
}

// What is remembered may be gone. A label never fails a push, and the rest
// is named as if it had never been there.
func TestWhatWentAwayWithinTheMemo(t *testing.T) {
	t.Parallel()
	settings := []any{"labels", []any{"wish", "Mobile"}, "assignee", "jane@example.com"}
	for name, c := range map[string]struct {
		happen func(s *linearfake.Server)
		says   string // in the description
	}{
		"a label":                {func(s *linearfake.Server) { s.RemoveLabel("Mobile") }, "Labels not set in Linear: Mobile"},
		"labels are refused":     {func(s *linearfake.Server) { s.RefuseLabels() }, "Labels not set in Linear: wish, Mobile"},
		"an account":             {func(s *linearfake.Server) { s.RemoveUser("jane@example.com") }, "Assignee: jane@example.com"},
		"a label and an account": {func(s *linearfake.Server) { s.RemoveUser("jane@example.com"); s.RefuseLabels() }, "Labels not set in Linear: wish, Mobile"},
	} {
		t.Run(name, func(t *testing.T) {
			s := linearfake.New(t)
			target := open(t, s, linearfake.Account(linearfake.Mine, "ENG", settings...))
			first, err := target.Draft(marker("first"), targets.Item{Name: "x"})
			require.NoError(t, err)
			made, err := target.Create(t.Context(), first)
			require.NoError(t, err)
			c.happen(s)
			second, err := target.Draft(marker("second"), targets.Item{Name: "x"})
			require.NoError(t, err)
			_, err = target.Create(t.Context(), second)
			require.NoError(t, err)
			require.Len(t, s.Issues(), 2)
			require.Contains(t, s.Issues()[1].Description, c.says)
			_, _, err = target.Update(t.Context(), made.ID, first)
			require.NoError(t, err)
			require.Contains(t, s.Issues()[0].Description, c.says)
		})
	}
}

// "Entity not found in validateAccess: labelIds" on an update names a label,
// not the issue.
func TestUpdateWithALabelThatWentAway(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	target := open(t, s, linearfake.Account(linearfake.Mine, "ENG", "labels", []any{"wish"}))
	wanted, err := target.Draft(draft().Marker, targets.Item{Name: "x"})
	require.NoError(t, err)
	made, err := target.Create(t.Context(), wanted)
	require.NoError(t, err)
	s.RemoveLabel("wish")
	got, _, err := target.Update(t.Context(), made.ID, wanted)
	require.NoError(t, err)
	require.Equal(t, made.ID, got.ID)
	require.Contains(t, s.Issues()[0].Description, "Labels not set in Linear: wish")
}

func TestParentThatWentAway(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	parent, err := open(t, s, linearfake.Account(linearfake.Mine, "ENG")).Create(t.Context(), targets.Draft{Marker: marker("parent"), Title: "Parent"})
	require.NoError(t, err)
	target := open(t, s, linearfake.Account(linearfake.Mine, "ENG", "parent", "ENG-1"))
	require.NoError(t, target.Check(t.Context()))
	s.Delete(parent.ID)
	_, err = target.Create(t.Context(), draft())
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err), err)
	require.Equal(t, `Linear has no issue "ENG-1" that the integration's account sees. Ask your admin to correct settings.parent.`, fault.From(err).Public)
	require.Empty(t, s.Issues())
}
