package redmine

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/targettest"
)

// real is a running Redmine, named by REDMINE_URL and by the API key of an
// administrator in REDMINE_API_KEY. It needs Redmine's default data, REST on,
// and the custom field "Productboard ID" (Text, a filter, for all projects).
type real struct {
	url, key string
	http     *outbound.Client
	marker   int
}

func newReal(t *testing.T) *real {
	t.Helper()
	r := &real{url: strings.TrimRight(os.Getenv("REDMINE_URL"), "/"), key: os.Getenv("REDMINE_API_KEY")} //nolint:forbidigo // a test's own switch
	if r.url == "" || r.key == "" {
		t.Skip("REDMINE_URL and REDMINE_API_KEY (an administrator's) are not set: no real Redmine to test against")
	}
	r.http = outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(r.http.Close)
	var fields fieldsReply
	r.call(t, http.MethodGet, "/custom_fields.json", nil, &fields)
	at := slices.IndexFunc(fields.Fields, func(f customField) bool { return f.Name == "Productboard ID" })
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
	reply, err := r.http.Send(t.Context(), outbound.Call{Method: method, URL: r.url + path, Header: h, Body: raw})
	require.NoError(t, err, "%s %s: %s", method, path, reply.Body)
	if out != nil {
		require.NoError(t, json.Unmarshal(reply.Body, out), string(reply.Body))
	}
}

// newProject makes a private project with one member, who may do there what
// a manager may, and gives the project's identifier and the member's key.
func (r *real) newProject(t *testing.T) (project, key string) {
	t.Helper()
	project = "p" + strings.ReplaceAll(uuid.NewString(), "-", "")[:20]
	var made projectReply
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
	var roles struct{ Roles []ref }
	r.call(t, http.MethodGet, "/roles.json", nil, &roles)
	manager, ok := pick(roles.Roles, "Manager")
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
	req, err := http.NewRequest(http.MethodDelete, r.url+path, nil)
	if !assert.NoError(t, err) {
		return
	}
	req.Header.Set("X-Redmine-API-Key", r.key)
	reply, err := http.DefaultClient.Do(req)
	if assert.NoError(t, err) {
		assert.Less(t, reply.StatusCode, 300, path)
		assert.NoError(t, reply.Body.Close())
	}
}

func (r *real) account(project, key string) targettest.Account {
	return targettest.Account{
		Credentials: map[string]secret.String{"apiKey": secret.New(key)},
		Settings: func(url string) map[string]any {
			return map[string]any{"url": url, "project": project, "tracker": "Feature", "markerField": r.marker}
		},
	}
}

// stored lists a project's issues as the administrator sees them.
func (r *real) stored(t *testing.T, project string, marker targets.Marker) []targettest.Stored {
	var list struct {
		Issues []struct {
			issue
			Description string `json:"description"`
		} `json:"issues"`
	}
	q := url.Values{"project_id": {project}, "status_id": {"*"}, "sort": {"id"}, "limit": {"100"}}
	r.call(t, http.MethodGet, "/issues.json?"+q.Encode(), nil, &list)
	var out []targettest.Stored
	for _, i := range list.Issues {
		if marker == "" || i.carries(r.marker, marker) {
			out = append(out, targettest.Stored{ID: strconv.Itoa(i.ID), Title: i.Subject, Text: strings.ReplaceAll(i.Description, "\r\n", "\n")})
		}
	}
	return out
}

func TestRealConformance(t *testing.T) {
	r := newReal(t)
	targettest.Run(t, targettest.Harness{
		Kind: Kind(), Creates: creates,
		Start: func(t *testing.T) targettest.Server {
			mine, mineKey := r.newProject(t)
			other, otherKey := r.newProject(t)
			return targettest.Server{
				URL: r.url, Mine: r.account(mine, mineKey), Other: r.account(other, otherKey),
				WrongProject: r.account("nowhere", mineKey).Settings,
				Issues: func(t *testing.T, marker targets.Marker) []targettest.Stored {
					return r.stored(t, mine, marker)
				},
			}
		},
	})
}

func TestRealCheck(t *testing.T) {
	r := newReal(t)
	project, key := r.newProject(t)
	open := func(a targettest.Account, change map[string]any) *targets.Target {
		settings := a.Settings(r.url)
		for k, v := range change {
			settings[k] = v
		}
		target, err := Kind().Open(settings, a.Credentials, targets.Deps{HTTP: r.http})
		require.NoError(t, err)
		return target
	}
	t.Run("an administrator's key finds fields by name", func(t *testing.T) {
		assert.NoError(t, open(r.account(project, r.key), map[string]any{"markerField": "Productboard ID", "priority": "High"}).Check(t.Context()))
	})
	t.Run("another key cannot, before there is an issue", func(t *testing.T) {
		byName := open(r.account(project, key), map[string]any{"markerField": "Productboard ID"})
		err := byName.Check(t.Context())
		require.Error(t, err)
		assert.Contains(t, fault.From(err).Public, "settings.markerField")
		_, err = open(r.account(project, key), nil).Create(t.Context(), draft())
		require.NoError(t, err)
		assert.NoError(t, byName.Check(t.Context()), "read off that issue")
	})
	t.Run("field that is no filter", func(t *testing.T) {
		err := open(r.account(project, r.key), map[string]any{"markerField": "Productboard link"}).Check(t.Context())
		require.Error(t, err)
		assert.Contains(t, fault.From(err).Public, "Used as a filter")
	})
	t.Run("closed project", func(t *testing.T) {
		target := open(r.account(project, key), nil)
		require.NoError(t, target.Check(t.Context()))
		r.call(t, http.MethodPut, "/projects/"+project+"/close.json", nil, nil)
		_, err := target.Create(t.Context(), draft())
		require.Error(t, err)
		assert.Contains(t, fault.From(err).Public, "is closed")
		assert.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
	})
}
