package pbfake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// controlEvents streams the journal as server-sent events: what happened
// after ?since= (or the last event that the browser saw, when it connects
// again), then everything live. It ends when the reader lags too far behind;
// browsers then connect again by themselves.
func (f *Fake) controlEvents(w http.ResponseWriter, r *http.Request) {
	since, err := number(r, "since", 0)
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		since, err = strconv.ParseUint(last, 10, 64)
	}
	if err != nil {
		writeControl(w, nil, err)
		return
	}
	live, cancel := f.Subscribe()
	defer cancel()
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Time{}) // the stream may outlive the server's limit; not all writers have one
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = fmt.Fprint(w, "retry: 1000\n\n")

	send := func(e Event) bool {
		if e.Seq <= since { // in the past that was sent already
			return true
		}
		since = e.Seq
		raw, err := json.Marshal(eventToWire(e))
		if err != nil {
			return false
		}
		_, err = fmt.Fprintf(w, "id: %d\ndata: %s\n\n", e.Seq, raw)
		return err == nil
	}
	past, last := f.Journal(since, maxControlEvents)
	since = min(since, last) // a reader from before a restart
	for _, e := range past {
		if !send(e) {
			return
		}
	}
	heartbeat := time.NewTicker(heartbeatInterval)
	defer heartbeat.Stop()
	for out.Flush() == nil {
		select {
		case e, open := <-live:
			if !open || !send(e) {
				return
			}
			for more := len(live); more > 0; more-- { // one flush for a burst
				if e, open := <-live; !open || !send(e) {
					return
				}
			}
		case <-heartbeat.C:
			if _, err := fmt.Fprint(w, ": still here\n\n"); err != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}
