package redmine

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/outbound"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/richtext"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

// answering is a driver whose every request gets the same answer.
func answering(tb testing.TB, cfg config, status int, body string) *driver {
	tb.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	tb.Cleanup(srv.Close)
	client := outbound.New(&outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	tb.Cleanup(client.Close)
	cfg.url, cfg.key = srv.URL, secret.New("0a0000000000000000000000000000000000cafe")
	return newDriver(cfg, client)
}

// The bodies of a create, whole, as they go to Redmine.
func TestCreateBodies(t *testing.T) {
	doc, err := richtext.Parse(`<p>They <b>asked</b> for 2^10 <u>lines</u>.</p>`)
	require.NoError(t, err)
	for _, format := range []string{textile, markdown, commonMark} {
		t.Run(format, func(t *testing.T) {
			d := newDriver(config{textFormat: format}, nil)
			body, err := d.prepareIssueRequestBody(&resolved{description: maxDescription, projectID: 1, trackerID: 2, markerID: 7, linkID: 8, priorityID: 3}, targets.Draft{Marker: "pb-abc", Title: "A wish",
				Description: doc, Link: "https://example.productboard.com/1", Reporter: "Jane Doe <jane@example.com>"})
			require.NoError(t, err)
			got, err := json.MarshalIndent(body, "", "  ")
			require.NoError(t, err)
			golden := filepath.Join("testdata", "create."+format+".json")
			if *Update {
				require.NoError(t, os.WriteFile(golden, append(got, '\n'), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(bytes.TrimSpace(want)), string(got))
		})
	}
}

// issue.json is what Redmine 5.0.4 answered to a create.
func TestReadsARecordedIssue(t *testing.T) {
	t.Parallel()
	recorded, err := os.ReadFile(filepath.Join("testdata", "issue.json"))
	require.NoError(t, err)
	var reply issueReply
	require.NoError(t, json.Unmarshal(recorded, &reply))
	d := newDriver(config{url: "https://r"}, nil)
	require.Equal(t, targets.Issue{ID: "1", Key: "#1", URL: "https://r/issues/1", Title: "x", Status: "New"},
		d.toIssue(&resolved{first: map[int]int{2: 1}}, reply.Issue))
	require.True(t, reply.Issue.hasMarker(1, "pb-x"))
	require.False(t, reply.Issue.hasMarker(1, "pb"))
	require.False(t, reply.Issue.hasMarker(2, "pb-x"))
}

// Whatever Redmine, or something in front of it, answers to a create: no
// panic, and nothing but a refusal or an issue with a number is certain.
func FuzzCreateReply(f *testing.F) {
	f.Add(201, `{"issue":{"id":1,"custom_fields":[{"id":7,"value":["a"]}]}}`)
	f.Add(422, `{"errors":["Subject cannot be blank"]}`)
	f.Add(200, `<html>`)
	f.Add(502, ``)
	for _, text := range boundtest.JSON() {
		f.Add(201, text)
	}
	f.Add(422, boundtest.Fill(`{"errors":[`, `"\u003c\u003c",`, `""]}`))
	f.Add(201, boundtest.Fill(`{"issue":{"id":1,"custom_fields":[`, `{"id":7,"value":["a"]},`, `{}]}}`))
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 || status == 204 || status == 304 {
			t.Skip()
		}
		d := answering(t, config{textFormat: textile}, status, body)
		var reply issueReply
		var err error
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 512 << 10, PerByte: 12}, func() {
			err = d.write(t.Context(), "create issue", http.MethodPost, "/issues.json", struct{}{}, &reply)
		})
		switch targets.OutcomeOf(err) {
		case targets.OutcomeDone:
			if status >= 300 {
				t.Fatalf("status %d is no success", status)
			}
		case targets.OutcomeNotDone:
			if status < 300 || status >= 500 && status != 503 {
				t.Fatalf("status %d leaves it open", status)
			}
		case targets.OutcomeUnknown:
		}
	})
}

func TestFieldOfSentence(t *testing.T) {
	t.Parallel()
	fields := []targets.FieldInfo{{ID: "1", Name: "Cost"}, {ID: "2", Name: "Cost Centre_No. 1"}, {ID: "3", Name: "費用"}, {ID: "4", Name: ""}}
	for sentence, want := range map[string]string{
		"Cost cannot be blank":                "1",
		"Cost centre no 1 cannot be blank":    "2",
		"費用 を入力してください":                        "3",
		"Costs cannot be blank":               "",
		"Cost centre no 1":                    "1", // no sentence of ours; the shorter name is one word of it
		"":                                    "",
		"Status of Cost centre no 1 is wrong": "",
	} {
		got, _ := fieldOfSentence(fields, sentence)
		require.Equal(t, want, got.ID, sentence)
	}
}
