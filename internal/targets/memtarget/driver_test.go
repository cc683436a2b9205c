package memtarget_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/memtarget"
	"pushbutton/internal/targets/targettest"
)

const lag = time.Second

// key is made of a word that no text of the suite holds.
func key(who string) secret.String { return secret.New("canary-" + who + "-7d1f0c2b") }

func account(project, who string, settings map[string]any) targettest.Account {
	return targettest.Account{
		Credentials: map[string]secret.String{"apiKey": key(who)},
		Settings: func(url string) map[string]any {
			s := map[string]any{"url": url, "project": project}
			maps.Copy(s, settings)
			return s
		},
	}
}

func harness(settings map[string]any) targettest.Harness {
	return targettest.Harness{
		Kind: memtarget.Kind(),
		Creates: func(r *http.Request) bool {
			return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/issues")
		},
		Start: func(t *testing.T) targettest.Server {
			tracker := memtarget.NewTracker(memtarget.Options{})
			tracker.AddProject("mine", key("mine"))
			tracker.AddProject("other", key("other"))
			srv := httptest.NewServer(tracker.API())
			t.Cleanup(srv.Close)
			t.Cleanup(tracker.Close)
			s := targettest.Server{
				URL: srv.URL, Mine: account("mine", "mine", settings), Other: account("other", "other", settings),
				WrongProject: account("nowhere", "mine", settings).Settings,
				Issues: func(_ *testing.T, marker targets.Marker) []targettest.StoredIssue {
					records := tracker.Marked("mine", string(marker))
					if marker == "" {
						records = tracker.Issues("mine", 0)
					}
					var out []targettest.StoredIssue
					for _, r := range records {
						out = append(out, targettest.StoredIssue{ID: r.ID, Title: r.Title, Text: r.Description})
					}
					return out
				},
				Hooks: func(*testing.T) []targettest.StoredHook {
					var out []targettest.StoredHook
					for _, h := range tracker.Hooks("mine") {
						out = append(out, targettest.StoredHook{ID: h.ID, URL: h.URL, Active: h.Active, Secret: h.Secret.Reveal()})
					}
					return out
				},
				SendHook: func(t *testing.T, id string, signing secret.String) *http.Request {
					return sendHook(t, tracker, srv.URL, id, signing)
				},
				Fates: targettest.Fates{
					Delete:   func(t *testing.T, id string) { require.NoError(t, tracker.Delete(id)) },
					Trash:    func(t *testing.T, id string) { require.NoError(t, tracker.SetTrashed(id, true)) },
					Move:     func(t *testing.T, id string) { require.NoError(t, tracker.Move(id, "archive")) },
					Hide:     func(t *testing.T, id string) { require.NoError(t, tracker.SetHidden(id, true)) },
					EndToken: func(*testing.T) { tracker.RemoveKey("mine", key("mine")) },
					LoseProject: func(*testing.T) {
						tracker.AddProject("elsewhere", key("mine"))
						tracker.RemoveKey("mine", key("mine"))
					},
					Never: map[string]string{"DisableIssues": "its projects are made of issues"},
				},
			}
			if settings != nil {
				s.SetLag = func(t *testing.T) {
					require.NoError(t, tracker.SetFaults(memtarget.Faults{LagMS: int(lag.Milliseconds()) / 2}))
				}
			}
			return s
		},
	}
}

// sendHook registers a webhook, changes an issue, and returns what the tracker sends.
func sendHook(t *testing.T, tracker *memtarget.Tracker, url, id string, signing secret.String) *http.Request {
	t.Helper()
	got := make(chan *http.Request, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent := r.Clone(context.WithoutCancel(r.Context()))
		sent.Body = io.NopCloser(bytes.NewReader(body))
		got <- sent
	}))
	t.Cleanup(receiver.Close)
	target := targettest.Open(t, memtarget.Kind(), account("mine", "mine", nil), url)
	_, _, err := target.RegisterHook(t.Context(), targets.HookWanted{URL: receiver.URL + "/hooks/x/y", Prefix: receiver.URL + "/hooks/x/", Secret: signing})
	require.NoError(t, err)
	require.NoError(t, tracker.SetStatus(id, memtarget.StatusDone))
	select {
	case sent := <-got:
		return sent
	case <-time.After(10 * time.Second):
		require.Fail(t, "no webhook came")
		return nil
	}
}

func TestConformance(t *testing.T) {
	targettest.Run(t, harness(nil))
}

func TestConformanceWithLag(t *testing.T) {
	targettest.Run(t, harness(map[string]any{"lookupLagSeconds": int(lag.Seconds())}))
}
