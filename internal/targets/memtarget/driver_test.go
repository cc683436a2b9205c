package memtarget_test

import (
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

func TestConformance(t *testing.T) {
	targettest.Run(t, harness(nil))
}

func TestConformanceWithLag(t *testing.T) {
	targettest.Run(t, harness(map[string]any{"lookupLagSeconds": int(lag.Seconds())}))
}
