package actions

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi"
)

// small lets the tracker take only small requests, as a proxy's default limit
// does, and is told of each create.
func (r *rig) small(most int64, created func(refused bool) (lose bool)) {
	r.t.Helper()
	api := r.tracker.API()
	var h http.HandlerFunc = func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodPost {
			api.ServeHTTP(w, req)
			return
		}
		refused := req.ContentLength > most
		lose := created(refused)
		if refused {
			page(http.StatusRequestEntityTooLarge)(w, req)
			return
		}
		api.ServeHTTP(w, req)
		if lose {
			panic(http.ErrAbortHandler)
		}
	}
	front := r.front()
	front.Store(&h)
	raw, err := json.Marshal("<p>" + strings.Repeat("word ", 6000) + "</p>")
	require.NoError(r.t, err)
	r.pb.entity.Fields["description"] = raw
}

// A text that something in front of the tracker does not let through is cut,
// and there is one issue, however the second request ends.
func TestTooLongATextIsCutAndSentOnceMore(t *testing.T) {
	for name, loses := range map[string]bool{"answered": false, "answer lost": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			var refused, sent int
			r.small(20_000, func(tooLarge bool) bool {
				require.NotNil(t, r.record().Intent, "the record says that an issue may exist")
				require.False(t, r.record().Intent.Resolved)
				if tooLarge {
					refused++
					return false
				}
				sent++
				return loses
			})
			r.click(pbapi.TriggerPush)
			r.quiet(pbapi.StateConnected)
			require.Equal(t, 1, refused)
			require.Equal(t, 1, sent)
			require.Len(t, r.tracker.Books(0, 10), 1)
			require.Contains(t, r.tracker.Issues("demo", 1)[0].Description, "The text is longer than fits here.")
		})
	}
}

func TestWhatIsTooLongAllTheSameSaysWhoCanMendIt(t *testing.T) {
	r := newRig(t)
	asked := 0
	r.small(0, func(bool) bool { asked++; return false })
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateError)
	require.Equal(t, 2, asked, "the whole text, and half of it")
	require.Contains(t, r.pb.shown().Message, "settings.description")
	require.Empty(t, r.tracker.Books(0, 10))
}
