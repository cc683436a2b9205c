package jira_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/jira/jirafake"
)

// Somebody clones our issue: the label goes with it, the property does not.
// The clone is not ours to close.
func TestClonesAreNotDuplicates(t *testing.T) {
	t.Parallel()
	r := newRig(t, "cloud")
	target := r.open(t, nil)
	d := draft()
	made, err := target.Create(t.Context(), d)
	require.NoError(t, err)
	clone := *r.last(t)
	r.Change(func(f *jirafake.Fake) {
		clone.ID, clone.Key, clone.Properties = 9999, "ENG-0", nil // even one with a lower number
		f.Issues = append(f.Issues, &clone)
	})
	all, able, err := target.FindAll(t.Context(), d.Marker)
	require.NoError(t, err)
	require.True(t, able)
	require.Len(t, all, 1)
	require.Equal(t, made.ID, all[0].ID)
	found, err := target.Find(t.Context(), d.Marker)
	require.NoError(t, err)
	require.Equal(t, made.ID, found.ID)

	r.Change(func(f *jirafake.Fake) { f.Issues = f.Issues[1:] })
	found, err = target.Find(t.Context(), d.Marker)
	require.NoError(t, err)
	require.Equal(t, "ENG-0", found.Key, "of two answers to a lost create, an issue is the safer one")
}

func TestFindReadsAllParts(t *testing.T) {
	t.Parallel()
	r := newRig(t, "cloud")
	target := r.open(t, nil)
	r.SearchPage = 1
	d := draft()
	for range 3 {
		_, err := target.Create(t.Context(), d)
		require.NoError(t, err)
	}
	all, _, err := target.FindAll(t.Context(), d.Marker)
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, []string{"ENG-1", "ENG-2", "ENG-3"}, []string{all[0].Key, all[1].Key, all[2].Key})
}

// An issue that was moved is still the one.
func TestFindFollowsAMove(t *testing.T) {
	t.Parallel()
	editions(t, func(t *testing.T, r *rig) {
		target := r.open(t, nil)
		made, err := target.Create(t.Context(), draft())
		require.NoError(t, err)
		r.Change(func(f *jirafake.Fake) {
			f.Accounts[0].Projects = []string{"ENG", "OPS"}
			f.Issues[0].Project, f.Issues[0].Key = "OPS", "OPS-7"
		})
		found, err := target.Find(t.Context(), draft().Marker)
		require.NoError(t, err)
		require.NotNil(t, found)
		require.Equal(t, made.ID, found.ID)
		require.Equal(t, "OPS-7", found.Key)
	})
}

// Cloud answers the searches of strangers, and of accounts that lost the
// project, with an empty list.
func TestAnEmptyListIsNotAlwaysNone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*jirafake.Fake)
		kind   fault.Kind
	}{
		"revoked token": {func(f *jirafake.Fake) { f.Accounts[0].APIToken, f.Accounts[0].PAT = "new", "new" }, fault.Unauthorized},
		"lost project":  {func(f *jirafake.Fake) { f.Accounts[0].Projects = nil }, fault.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			editions(t, func(t *testing.T, r *rig) {
				target := r.open(t, nil)
				none, err := target.Find(t.Context(), draft().Marker)
				require.NoError(t, err)
				require.Nil(t, none)
				r.Change(c.change)
				_, err = target.Find(t.Context(), draft().Marker)
				require.Equal(t, c.kind, fault.KindOf(err))
			})
		})
	}
}

// The scopes of an OAuth token, and the address that people open.
func TestGateway(t *testing.T) {
	t.Parallel()
	r := newRig(t, "cloud")
	settings := func() set {
		return set{"url": jirafake.Site, "gatewayUrl": r.URL, "cloudId": jirafake.CloudID, "project": "ENG"}
	}
	target := r.openAs(t, settings(), jirafake.OAuth, nil)
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	require.Equal(t, "https://example.atlassian.net/browse/ENG-1", made.URL)
	require.Contains(t, target.Traits().Caveat, "hour")

	require.NoError(t, r.openAs(t, settings(), jirafake.Cloud, nil).Check(t.Context()), "an API token with scopes goes the same way")

	r.Change(func(f *jirafake.Fake) { f.Accounts[0].Scopes = []string{"read:jira-work", "read:jira-user"} })
	_, err = target.Create(t.Context(), draft())
	require.Equal(t, fault.Forbidden, fault.KindOf(err))
	require.Contains(t, fault.From(err).Public, "scope")
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
}

func TestPeople(t *testing.T) {
	t.Parallel()
	editions(t, func(t *testing.T, r *rig) {
		for email, want := range map[string]struct {
			cloud, dataCenter string
		}{
			"jane@example.com":     {"5c1000000000000000000001", "5c1000000000000000000001"},
			"JANE@example.com":     {"5c1000000000000000000001", "5c1000000000000000000001"},
			"shy@example.com":      {"5c1000000000000000000002", ""}, // Cloud hides addresses as a rule
			"gone@example.com":     {"", ""},
			"namesake@example.com": {"", ""}, // two, and no telling which
			"outside@example.com":  {"", ""},
			"nobody@example.com":   {"", ""},
		} {
			t.Run(email, func(t *testing.T) {
				target := r.open(t, set{"assignee": email})
				d, err := target.Draft(targets.NewMarker("jira", email, 1), targets.Item{Name: "x"})
				require.NoError(t, err)
				_, err = target.Create(t.Context(), d)
				require.NoError(t, err)
				id := want.cloud
				if r.dataCenter {
					id = want.dataCenter
				}
				stored := r.last(t)
				if id == "" {
					require.NotContains(t, stored.Fields, "assignee")
					require.Contains(t, strings.ReplaceAll(stored.Text(), `\`, ""), email, "named in the text")
					return
				}
				require.Contains(t, string(stored.Fields["assignee"]), id)
			})
		}
	})
}

// The account may not change the reporter: the field is not on its screen.
func TestReporterOnlyWhereItMayBeSet(t *testing.T) {
	t.Parallel()
	editions(t, func(t *testing.T, r *rig) {
		r.change("Task", drop("reporter"))
		target := r.open(t, set{"reporter": "jane@example.com"})
		d, err := target.Draft(draft().Marker, item())
		require.NoError(t, err)
		_, err = target.Create(t.Context(), d)
		require.NoError(t, err)
		require.NotContains(t, r.last(t).Fields, "reporter")
	})
}

// A component or a choice was made anew within the ten minutes that it is
// believed for: what was refused is asked for once more, by the new ids.
func TestWhatWentAwayIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	renumber := func(id, name, anew string) func(*jirafake.Type) {
		return func(typ *jirafake.Type) {
			for i, f := range typ.Fields {
				for k, a := range f.Allowed {
					if f.ID == id && (a["name"] == name || a["value"] == name) {
						changed := maps.Clone(a)
						changed["id"] = anew
						typ.Fields[i].Allowed[k] = changed
					}
				}
			}
		}
	}
	for name, c := range map[string]struct {
		change func(*jirafake.Type)
		says   string
	}{
		"component": {change: renumber("components", "Backend", "150")},
		"choice":    {change: renumber("customfield_10014", "M", "131")},
		"component for good": {change: func(typ *jirafake.Type) {
			renumber("components", "Backend", "150")(typ)
			dropChoice(typ, "components", "150")
		}, says: `has no "Backend" among its components values, only API`},
		"choice for good": {change: func(typ *jirafake.Type) { dropChoice(typ, "customfield_10014", "31") }, says: `field "Size" takes one of S, not "M"`},
		"field for good":  {change: drop("customfield_10014"), says: `no field "Size" in project ENG`},
	} {
		t.Run(name, func(t *testing.T) {
			editions(t, func(t *testing.T, r *rig) {
				target := r.open(t, set{"components": []any{"Backend"}, "fields": set{"Size": "M"}})
				require.NoError(t, target.Check(t.Context()))
				d, err := target.Draft(draft().Marker, item())
				require.NoError(t, err)
				r.change("Task", c.change)
				_, err = target.Create(t.Context(), d)
				if c.says != "" {
					require.Error(t, err)
					require.Contains(t, fault.From(err).Public, c.says)
					require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
					require.Empty(t, r.Issues)
					return
				}
				require.NoError(t, err)
				require.Len(t, r.Issues, 1)
				_, _, err = target.Update(t.Context(), strconv.Itoa(r.last(t).ID), d)
				require.NoError(t, err)
			})
		})
	}
}

func dropChoice(typ *jirafake.Type, field, id string) {
	for i, f := range typ.Fields {
		if f.ID == field {
			typ.Fields[i].Allowed = slices.DeleteFunc(slices.Clone(f.Allowed), func(a map[string]any) bool { return a["id"] == id })
		}
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	editions(t, func(t *testing.T, r *rig) {
		target := r.open(t, set{"priority": "High", "labels": []any{"productboard"}, "fields": set{"Story Points": `{{field "Effort"}}`}})
		d := draft()
		made, err := target.Create(t.Context(), d)
		require.NoError(t, err)
		r.Change(func(f *jirafake.Fake) {
			f.Issues[0].Fields["labels"] = []byte(`["` + string(d.Marker) + `","by-hand"]`)
			f.Issues[0].Fields["priority"] = []byte(`{"id":"1"}`)
		})
		anew, err := target.Draft(d.Marker, item())
		require.NoError(t, err)
		got, able, err := target.Update(t.Context(), made.ID, anew)
		require.NoError(t, err)
		require.True(t, able)
		require.Equal(t, "Export as CSV & PDF", got.Title)
		stored := r.last(t)
		require.Contains(t, stored.Text(), "Why")
		require.Equal(t, []string{string(d.Marker), "by-hand", "productboard", "Big-deal", "q1"}, stored.Labels())
		require.JSONEq(t, `5`, string(stored.Fields["customfield_10012"]))
		require.JSONEq(t, `{"id":"1"}`, string(stored.Fields["priority"]), "what people changed stays")
		require.Len(t, stored.Links, 1)

		for _, id := range []string{"999999999", "../myself", ""} {
			_, _, err = target.Update(t.Context(), id, anew)
			require.Equal(t, fault.NotFound, fault.KindOf(err))
		}
		r.change("Task", drop("customfield_10012"))
		_, _, err = target.Update(t.Context(), made.ID, anew)
		require.Error(t, err)
		require.Contains(t, fault.From(err).Public, `field "Story Points"`)
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	required := func(id string) []jirafake.Field {
		return []jirafake.Field{{ID: id, Name: id, Required: true, Schema: map[string]any{"type": "resolution", "system": id},
			Allowed: []map[string]any{{"id": "1", "name": "Fixed"}, {"id": "3", "name": "Duplicate"}}}}
	}
	optional := []jirafake.Field{{ID: "resolution", Name: "Resolution", Schema: map[string]any{"type": "resolution"}}}
	for name, c := range map[string]struct {
		ways       []jirafake.Transition
		resolution string
		fails      bool
	}{
		"plain":                      {ways: []jirafake.Transition{{ID: "5", To: jirafake.InProgress()}, {ID: "6", To: jirafake.Done()}}},
		"screen with nothing needed": {ways: []jirafake.Transition{{ID: "6", To: jirafake.Done(), Fields: optional}}},
		"with a resolution":          {ways: []jirafake.Transition{{ID: "6", To: jirafake.Done(), Fields: required("resolution")}}, resolution: "3"},
		"the one that needs least":   {ways: []jirafake.Transition{{ID: "6", To: jirafake.Done(), Fields: required("resolution")}, {ID: "7", To: jirafake.Done()}}},
		"needs something else":       {ways: []jirafake.Transition{{ID: "6", To: jirafake.Done(), Fields: required("customfield_1")}}, fails: true},
		"no way":                     {ways: []jirafake.Transition{{ID: "5", To: jirafake.InProgress()}}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			editions(t, func(t *testing.T, r *rig) {
				r.Projects[0].Transitions = c.ways
				target := r.open(t, nil)
				made, err := target.Create(t.Context(), draft())
				require.NoError(t, err)
				_, err = target.Close(t.Context(), made.ID)
				if c.fails {
					require.Equal(t, fault.Forbidden, fault.KindOf(err))
					require.Contains(t, fault.From(err).Public, `not close issue ENG-1 from status "To Do"`)
					return
				}
				require.NoError(t, err)
				require.Equal(t, jirafake.Done(), r.last(t).Status)
				require.Equal(t, c.resolution, r.last(t).Resolution)
			})
		})
	}
}

func TestCommentStaysPlain(t *testing.T) {
	t.Parallel()
	editions(t, func(t *testing.T, r *rig) {
		target := r.open(t, nil)
		made, err := target.Create(t.Context(), draft())
		require.NoError(t, err)
		_, err = target.Comment(t.Context(), made.ID, "Not *bold*\n"+strings.Repeat("long ", 20000))
		require.NoError(t, err, "cut to what Jira takes")
		comment := r.last(t).Comments[0]
		if r.dataCenter {
			require.Contains(t, comment, `Not \\*bold\\*`)
		} else {
			require.Contains(t, comment, `{"type":"text","text":"Not *bold*"}`)
		}
	})
}

func TestChoices(t *testing.T) {
	t.Parallel()
	editions(t, func(t *testing.T, r *rig) {
		driver := r.driver(t)
		for setting, want := range map[string][]targets.Choice{
			"project":    {{Value: "ENG", Title: "Project ENG"}},
			"issueType":  {{Value: "Epic"}, {Value: "Sub-task"}, {Value: "Task"}, {Value: "Story"}},
			"priority":   {{Value: "Highest"}, {Value: "High"}, {Value: "Medium"}},
			"components": {{Value: "Backend"}, {Value: "API"}},
			"email":      nil,
		} {
			got, err := driver.Choices(t.Context(), setting)
			require.NoError(t, err)
			require.Equal(t, want, got, setting)
		}
	})
}
