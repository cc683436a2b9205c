package httptarget_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/httptarget"
	"pushbutton/internal/targets/httptarget/httpfake"
	"pushbutton/internal/targets/targettest"
)

// realRT is a running Request Tracker, as deploy/requesttracker/with.sh names
// it: RT_URL, and in RT_TOKEN and RT_OTHER_TOKEN tokens of two accounts that
// see the queues RT_QUEUE and RT_OTHER_QUEUE alone.
type realRT struct{ url, token, queue, otherToken, otherQueue string }

func newRealRT(t *testing.T) realRT {
	t.Helper()
	env := func(name string) string { return os.Getenv(name) } //nolint:forbidigo // a test's own switch
	r := realRT{env("RT_URL"), env("RT_TOKEN"), env("RT_QUEUE"), env("RT_OTHER_TOKEN"), env("RT_OTHER_QUEUE")}
	if r.url == "" || r.token == "" {
		t.Skip("RT_URL, RT_TOKEN, ... are not set (make rt sets them): no real Request Tracker to test against")
	}
	return r
}

func (r realRT) get(t *testing.T, path string, into any) {
	t.Helper()
	reply, err := deps(t).HTTP.Send(t.Context(), outbound.Call{Method: http.MethodGet, URL: r.url + "/REST/2.0" + path, Header: http.Header{"Authorization": {"token " + r.token}}})
	require.NoError(t, err, "%s: %s", path, reply.Body)
	require.NoError(t, json.Unmarshal(reply.Body, into), string(reply.Body))
}

type rtItems struct {
	Items []struct {
		ID      string `json:"id"`
		Subject string
	} `json:"items"`
}

// newest is the number of the queue's latest ticket.
func (r realRT) newest(t *testing.T) int {
	t.Helper()
	var found rtItems
	q := url.Values{"query": {"Queue = '" + r.queue + "'"}, "per_page": {"1"}, "orderby": {"id"}, "order": {"DESC"}}
	r.get(t, "/tickets?"+q.Encode(), &found)
	if len(found.Items) == 0 {
		return 0
	}
	n, err := strconv.Atoi(found.Items[0].ID)
	require.NoError(t, err)
	return n
}

// tickets lists what came after one, all or with a marker, as RT itself has it.
func (r realRT) tickets(t *testing.T, after int, marker targets.Marker) rtItems {
	t.Helper()
	var found rtItems
	query := fmt.Sprintf("Queue = '%s' AND id > %d", r.queue, after)
	if marker != "" {
		query += fmt.Sprintf(" AND CF.{Productboard ID} = '%s'", marker)
	}
	q := url.Values{"query": {query}, "fields": {"Subject"}, "per_page": {"100"}, "orderby": {"id"}}
	r.get(t, "/tickets?"+q.Encode(), &found)
	return found
}

func (r realRT) text(t *testing.T, ticket string) string {
	t.Helper()
	var all rtItems
	r.get(t, "/ticket/"+ticket+"/attachments", &all)
	for _, a := range all.Items {
		var one struct{ Content, ContentType string }
		r.get(t, "/attachment/"+a.ID, &one)
		if one.ContentType == "text/html" {
			text, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(one.Content, "\n", ""))
			require.NoError(t, err)
			return string(text)
		}
	}
	return ""
}

func TestRequestTrackerConformance(t *testing.T) {
	r := newRealRT(t)
	targettest.Run(t, targettest.Harness{
		Kind: httptarget.Kind(), Creates: httpfake.RequestTrackerCreates,
		Start: func(t *testing.T) targettest.Server {
			before := r.newest(t)
			never := map[string]string{}
			for _, fate := range []string{"Delete", "Trash", "Move", "Hide", "EndToken", "LoseProject", "DisableIssues"} {
				never[fate] = "it takes an RT administrator, whom this account is not; the fake has it"
			}
			return targettest.Server{
				URL: r.url, Mine: httpfake.RequestTrackerAccount(r.token, r.queue), Other: httpfake.RequestTrackerAccount(r.otherToken, r.otherQueue),
				WrongProject: httpfake.RequestTrackerAccount(r.token, "nowhere").Settings,
				Fates:        targettest.Fates{Never: never},
				Issues: func(t *testing.T, marker targets.Marker) []targettest.StoredIssue {
					var out []targettest.StoredIssue
					for _, i := range r.tickets(t, before, marker).Items {
						stored := targettest.StoredIssue{ID: i.ID, Title: i.Subject}
						if marker != "" {
							stored.Text = r.text(t, i.ID)
						}
						out = append(out, stored)
					}
					return out
				},
			}
		},
	})
}
