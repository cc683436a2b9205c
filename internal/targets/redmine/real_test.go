package redmine_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/redmine"
	"pushbutton/internal/targets/redmine/redminefake"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/targettest"
)

// real is a running Redmine, named by REDMINE_URL and by the API key of an
// administrator in REDMINE_API_KEY. It needs Redmine's default data, REST on,
// and the custom field "Productboard ID" (Text, a filter, for all projects).
type real struct {
	url, key string
	http     *outbound.Client
	marker   int
	format   string
}

func newReal(t *testing.T) *real {
	t.Helper()
	r := &real{url: strings.TrimRight(os.Getenv("REDMINE_URL"), "/"), key: os.Getenv("REDMINE_API_KEY")} //nolint:forbidigo // a test's own switch
	if r.url == "" || r.key == "" {
		t.Skip("REDMINE_URL and REDMINE_API_KEY (an administrator's) are not set: no real Redmine to test against")
	}
	r.http = outbound.New(&outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(r.http.Close)
	r.format = redmine.ShownFormat(t.Context(), r.http, r.url, r.key)
	require.NotEmpty(t, r.format, "a Redmine whose preview needs no account")
	var fields redmine.FieldsReply
	r.call(t, http.MethodGet, "/custom_fields.json", nil, &fields)
	at := slices.IndexFunc(fields.Fields, func(f redmine.CustomField) bool { return f.Name == "Productboard ID" })
	require.GreaterOrEqual(t, at, 0, "the custom field Productboard ID")
	r.marker = fields.Fields[at].ID
	return r
}

// call speaks with Redmine as its administrator.
func (r *real) call(t *testing.T, method, path string, body, out any) {
	t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	h := http.Header{"X-Redmine-Api-Key": {r.key}, "Content-Type": {"application/json"}}
	reply, err := r.http.Send(t.Context(), outbound.Call{Method: method, URL: r.url + path, Header: h, Body: raw, Bound: outbound.Bound{Bytes: 64 << 20, Values: 1 << 20}})
	require.NoError(t, err, "%s %s: %s", method, path, reply.Body)
	if out != nil {
		require.NoError(t, json.Unmarshal(reply.Body, out), string(reply.Body))
	}
}

// newProject makes a private project with one member, who may do there what
// a manager may, and returns the project's identifier and the member's key.
func (r *real) newProject(t *testing.T) (project, key string) {
	t.Helper()
	project = "p" + strings.ReplaceAll(uuid.NewString(), "-", "")[:20]
	var made redmine.ProjectReply
	r.call(t, http.MethodPost, "/projects.json", map[string]any{"project": map[string]any{"name": project, "identifier": project,
		"is_public": false, "enabled_module_names": []string{"issue_tracking"}, "tracker_ids": []int{1, 2, 3}}}, &made)
	var user struct {
		User struct {
			ID  int    `json:"id"`
			Key string `json:"api_key"`
		}
	}
	r.call(t, http.MethodPost, "/users.json", map[string]any{"user": map[string]any{"login": project, "firstname": "Test", "lastname": "Member",
		"mail": project + "@example.net", "password": uuid.NewString()}}, &user)
	var roles struct{ Roles []redmine.Ref }
	r.call(t, http.MethodGet, "/roles.json", nil, &roles)
	manager, ok := redmine.Pick(roles.Roles, "Manager")
	require.True(t, ok, "the role Manager of Redmine's default data")
	r.call(t, http.MethodPost, "/projects/"+project+"/memberships.json", map[string]any{"membership": map[string]any{
		"user_id": user.User.ID, "role_ids": []int{manager.ID}}}, nil)
	r.call(t, http.MethodGet, fmt.Sprintf("/users/%d.json", user.User.ID), nil, &user)
	require.NotEmpty(t, user.User.Key)
	t.Cleanup(func() {
		r.remove(t, "/projects/"+project+".json")
		r.remove(t, fmt.Sprintf("/users/%d.json", user.User.ID))
	})
	return project, user.User.Key
}

// remove deletes one of the things this test made; it runs in a clean-up,
// where the test's own context has ended.
func (r *real) remove(t *testing.T, path string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodDelete, r.url+path, nil)
	require.NoError(t, err)
	req.Header.Set("X-Redmine-API-Key", r.key)
	reply, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.Less(t, reply.StatusCode, 300, path)
	require.NoError(t, reply.Body.Close())
}

func (r *real) account(project, key string) targettest.Account {
	return targettest.Account{
		Credentials: map[string]secret.String{"apiKey": secret.New(key)},
		Settings: func(url string) map[string]any {
			return map[string]any{"url": url, "project": project, "tracker": "Feature", "markerField": r.marker, "textFormat": r.format}
		},
	}
}

// stored lists a project's issues as the administrator sees them.
func (r *real) stored(t *testing.T, project string, marker targets.Marker) []targettest.StoredIssue {
	t.Helper()
	var list struct {
		Issues []struct {
			redmine.Issue
			Description string `json:"description"`
		} `json:"issues"`
	}
	q := url.Values{"project_id": {project}, "status_id": {"*"}, "sort": {"id"}, "limit": {"100"}}
	r.call(t, http.MethodGet, "/issues.json?"+q.Encode(), nil, &list)
	var out []targettest.StoredIssue
	for _, i := range list.Issues {
		if marker == "" || redmine.Carries(i.Issue, r.marker, marker) {
			out = append(out, targettest.StoredIssue{ID: strconv.Itoa(i.ID), Title: i.Subject, Text: strings.ReplaceAll(i.Description, "\r\n", "\n")})
		}
	}
	return out
}

func TestRealConformance(t *testing.T) {
	r := newReal(t)
	targettest.Run(t, targettest.Harness{
		Kind: redmine.Kind(), Creates: redminefake.Creates,
		Start: func(t *testing.T) targettest.Server {
			mine, mineKey := r.newProject(t)
			other, otherKey := r.newProject(t)
			return targettest.Server{
				URL: r.url, Mine: r.account(mine, mineKey), Other: r.account(other, otherKey),
				WrongProject: r.account("nowhere", mineKey).Settings,
				Issues: func(t *testing.T, marker targets.Marker) []targettest.StoredIssue {
					return r.stored(t, mine, marker)
				},
				Fates: r.fates(mine),
			}
		},
	})
}

// fates are what an administrator does to issues, the project and its member.
func (r *real) fates(project string) targettest.Fates {
	return targettest.Fates{
		Delete: func(t *testing.T, id string) { r.call(t, http.MethodDelete, "/issues/"+id+".json", nil, nil) },
		EndToken: func(t *testing.T) {
			r.call(t, http.MethodPut, fmt.Sprintf("/users/%d.json", r.member(t, project).user.ID), map[string]any{"user": map[string]any{"status": 3}}, nil)
		},
		LoseProject: func(t *testing.T) {
			r.call(t, http.MethodDelete, fmt.Sprintf("/memberships/%d.json", r.member(t, project).id), nil, nil)
		},
		DisableIssues: func(t *testing.T) {
			r.call(t, http.MethodPut, "/projects/"+project+".json", map[string]any{"project": map[string]any{"enabled_module_names": []string{"wiki"}}}, nil)
		},
		Never: map[string]string{
			"Trash": "Redmine deletes issues for good",
			"Move":  "an issue keeps its number and its address in every project",
			"Hide":  "the member is a manager here, who sees every issue",
		},
		Wordless: true,
	}
}

type realMember struct {
	id   int
	user redmine.Ref
}

func (r *real) member(t *testing.T, project string) realMember {
	t.Helper()
	var all struct {
		Memberships []struct {
			ID   int         `json:"id"`
			User redmine.Ref `json:"user"`
		} `json:"memberships"`
	}
	r.call(t, http.MethodGet, "/projects/"+project+"/memberships.json", nil, &all)
	require.Len(t, all.Memberships, 1)
	return realMember{all.Memberships[0].ID, all.Memberships[0].User}
}

func TestRealCheck(t *testing.T) {
	r := newReal(t)
	project, key := r.newProject(t)
	open := func(a targettest.Account, change map[string]any) *targets.Target {
		settings := a.Settings(r.url)
		maps.Copy(settings, change)
		target, err := redmine.Kind().Open(settings, a.Credentials, targets.Deps{HTTP: r.http})
		require.NoError(t, err)
		return target
	}
	t.Run("an administrator's key finds fields by name", func(t *testing.T) {
		require.NoError(t, open(r.account(project, r.key), map[string]any{"markerField": "Productboard ID", "priority": "High"}).Check(t.Context()))
	})
	t.Run("another key cannot, before there is an issue", func(t *testing.T) {
		byName := open(r.account(project, key), map[string]any{"markerField": "Productboard ID"})
		err := byName.Check(t.Context())
		require.Error(t, err)
		require.Contains(t, fault.From(err).Public, "settings.markerField")
		_, err = open(r.account(project, key), nil).Create(t.Context(), draft())
		require.NoError(t, err)
		require.NoError(t, byName.Check(t.Context()), "read off that issue")
	})
	t.Run("text format", func(t *testing.T) {
		var matching []string
		for _, format := range []string{textile, redcarpet, commonMark} {
			err := open(r.account(project, r.key), map[string]any{"textFormat": format}).Check(t.Context())
			if err == nil {
				matching = append(matching, format)
			} else {
				require.Contains(t, fault.From(err).Public, "settings.textFormat")
			}
		}
		require.Len(t, matching, 1)
	})
	t.Run("field that is no filter", func(t *testing.T) {
		err := open(r.account(project, r.key), map[string]any{"markerField": "Productboard link"}).Check(t.Context())
		require.Error(t, err)
		require.Contains(t, fault.From(err).Public, "Used as a filter")
	})
	t.Run("closed project", func(t *testing.T) {
		target := open(r.account(project, key), nil)
		require.NoError(t, target.Check(t.Context()))
		r.call(t, http.MethodPut, "/projects/"+project+"/close.json", nil, nil)
		_, err := target.Create(t.Context(), draft())
		require.Error(t, err)
		require.Contains(t, fault.From(err).Public, "is closed")
		require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
	})
}

// Everything that a new issue takes, asked of and given to a real Redmine.
func TestRealFields(t *testing.T) {
	r := newReal(t)
	project, key := r.newProject(t)
	r.call(t, http.MethodPost, "/projects/"+project+"/issue_categories.json", map[string]any{"issue_category": map[string]any{"name": "Backend"}}, nil)
	r.call(t, http.MethodPost, "/projects/"+project+"/versions.json", map[string]any{"version": map[string]any{"name": "2.0"}}, nil)
	fields := map[string]any{"Priority": "High", "Category": "backend", "Target version": "2.0", "Start date": "2026-01-01", "Due date": "2026-01-01 to 2026-03-31",
		"Estimated time": "8.5", "% Done": "30", "Private": "yes"}
	open := func(key string, more map[string]any) *targets.Target {
		a := with(r.account(project, key), more)
		target, err := redmine.Kind().Open(a.Settings(r.url), a.Credentials, targets.Deps{HTTP: r.http})
		require.NoError(t, err)
		return target
	}
	parent, err := open(r.key, nil).Create(t.Context(), draft())
	require.NoError(t, err)
	fields["Parent task"] = parent.ID
	for name, key := range map[string]string{"administrator": r.key, "member": key} {
		t.Run(name, func(t *testing.T) {
			target := open(key, map[string]any{"fields": fields, "assignee": project + "@example.net"})
			require.NoError(t, target.Check(t.Context()))
			wanted, err := target.Draft(targets.NewMarker("redmine", name, 1), item())
			require.NoError(t, err)
			made, err := target.Create(t.Context(), wanted)
			require.NoError(t, err)
			var got struct{ Issue map[string]any }
			r.call(t, http.MethodGet, "/issues/"+made.ID+".json", nil, &got)
			of := func(name string) any { return got.Issue[name].(map[string]any)["name"] }
			require.Equal(t, []any{"High", "Backend", "2.0"}, []any{of("priority"), of("category"), of("fixed_version")})
			require.Equal(t, []any{"2026-01-01", "2026-03-31", 8.5, 30.0, true}, []any{got.Issue["start_date"], got.Issue["due_date"], got.Issue["estimated_hours"], got.Issue["done_ratio"], got.Issue["is_private"]})
			require.Equal(t, parent.ID, fmt.Sprint(got.Issue["parent"].(map[string]any)["id"]))
			if name == "administrator" {
				require.Equal(t, "Test Member", of("assigned_to"))
			} else {
				require.Nil(t, got.Issue["assigned_to"], "only administrators find people")
			}
			wanted.Title = "Another"
			changed, _, err := target.Update(t.Context(), made.ID, wanted)
			require.NoError(t, err)
			require.Equal(t, "Another", changed.Title)
			found, err := target.Find(t.Context(), wanted.Marker)
			require.NoError(t, err)
			require.Equal(t, &changed, found)
		})
	}
	for setting, want := range map[string]string{"project": project, "tracker": "Feature", "priority": "High"} {
		settings := settings.Values(r.account(project, key).Settings(r.url))
		settings["markerField"] = strconv.Itoa(r.marker)
		driver, err := redmine.Kind().New(targets.Config{Settings: settings, Credentials: r.account(project, key).Credentials}, targets.Deps{HTTP: r.http})
		require.NoError(t, err)
		choices, err := driver.(targets.Chooser).Choices(t.Context(), setting)
		require.NoError(t, err)
		require.True(t, slices.ContainsFunc(choices, func(c targets.Choice) bool { return c.Value == want }), "%s: %v", setting, choices)
	}
}

// The required field of deploy/redmine/seed.rb, which a project can choose.
func TestRealRequiredField(t *testing.T) {
	const required = "Cost centre"
	r := newReal(t)
	project, key := r.newProject(t)
	var all redmine.FieldsReply
	r.call(t, http.MethodGet, "/custom_fields.json", nil, &all)
	at := slices.IndexFunc(all.Fields, func(f redmine.CustomField) bool { return f.Name == required })
	if at < 0 {
		t.Skipf("this Redmine has no required field %q", required)
	}
	id := strconv.Itoa(all.Fields[at].ID)
	check := func(key string, fields map[string]any) error {
		a := mapped(r.account(project, key), fields)
		target, err := redmine.Kind().Open(a.Settings(r.url), a.Credentials, targets.Deps{HTTP: r.http})
		require.NoError(t, err)
		return target.Check(t.Context())
	}
	for _, key := range []string{r.key, key} {
		require.NoError(t, check(key, nil), "this project has not chosen it")
	}
	r.call(t, http.MethodPut, "/projects/"+project+".json", map[string]any{"project": map[string]any{"issue_custom_field_ids": []string{id}}}, nil)
	for _, key := range []string{r.key, key} {
		err := check(key, nil)
		require.Error(t, err)
		require.Contains(t, fault.From(err).Public, `field "Cost centre" is required in project "`+project+`". Ask your admin to map it in settings.fields.`)
		require.NoError(t, check(key, map[string]any{required: "4711"}))
		require.NoError(t, check(key, map[string]any{id: "4711"}))
	}
	require.Empty(t, r.stored(t, project, ""))
}
