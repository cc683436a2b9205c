package actions

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi"
)

// narrow is a tracker whose database stores no character above U+FFFF, as
// MySQL's utf8mb3 does: it answers 500. bodies are the creates that it was sent.
func (r *rig) narrow(after func(create int, w http.ResponseWriter)) (bodies *[]string) {
	r.t.Helper()
	api := r.tracker.API()
	bodies = &[]string{}
	var h http.HandlerFunc = func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodPost {
			api.ServeHTTP(w, req)
			return
		}
		raw, err := io.ReadAll(req.Body)
		assert.NoError(r.t, err)
		*bodies = append(*bodies, string(raw))
		if strings.ContainsFunc(string(raw), func(c rune) bool { return c > 0xffff }) {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		req.Body = io.NopCloser(strings.NewReader(string(raw)))
		api.ServeHTTP(w, req)
		if after != nil {
			after(len(*bodies), w)
		}
	}
	r.front().Store(&h)
	r.pb.entity.Fields["name"] = json.RawMessage(`"Dark mode 🌙"`)
	r.pb.entity.Fields["description"] = json.RawMessage(`"<p>Make it <b>dark</b> 👍🏽, please 👨‍👩‍👧.</p>"`)
	return bodies
}

// A text that the tracker's database cannot store is sent once as it is and once
// without what may be the reason. Only a look-up that found nothing lets it.
func TestWhatTheDatabaseCannotStoreIsReplaced(t *testing.T) {
	r := newRig(t)
	bodies := r.narrow(nil)
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	require.Len(t, *bodies, 2, "one try as it is, and one without the characters")
	require.Contains(t, (*bodies)[0], "🌙")
	issues := r.tracker.Issues("demo", 10)
	require.Len(t, issues, 1)
	require.Equal(t, "Dark mode \ufffd", issues[0].Title)
	require.Contains(t, issues[0].Description, "\ufffd, please \ufffd.")
	require.Contains(t, issues[0].Description, "could not store were replaced: 3")
	require.Nil(t, r.record().Intent)
}

// The second create's answer is lost as well: the issue is found, not made anew.
func TestWhatTheDatabaseCannotStoreIsLookedUp(t *testing.T) {
	r := newRig(t)
	bodies := r.narrow(func(_ int, _ http.ResponseWriter) { panic(http.ErrAbortHandler) })
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	require.Len(t, *bodies, 2)
	require.Len(t, r.tracker.Issues("demo", 10), 1)
}

// A 500 for another reason costs the text nothing where it has no such characters,
// and a create whose issue exists in spite of the 500 is never sent again.
func TestA500ForAnotherReason(t *testing.T) {
	for name, made := range map[string]bool{"nothing was made": false, "the issue was made": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			api := r.tracker.API()
			creates := 0
			var h http.HandlerFunc = func(w http.ResponseWriter, req *http.Request) {
				if req.Method != http.MethodPost {
					api.ServeHTTP(w, req)
					return
				}
				if creates++; creates > 1 {
					api.ServeHTTP(w, req)
					return
				}
				if made {
					api.ServeHTTP(discard{http.Header{}}, req)
				}
				w.WriteHeader(http.StatusInternalServerError)
			}
			r.front().Store(&h)
			r.click(pbapi.TriggerPush)
			r.quiet(pbapi.StateConnected)
			issues := r.tracker.Issues("demo", 10)
			require.Len(t, issues, 1)
			require.NotContains(t, issues[0].Description, "replaced")
			if made {
				require.Equal(t, 1, creates)
			}
		})
	}
}

// discard is a response that nobody reads.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
