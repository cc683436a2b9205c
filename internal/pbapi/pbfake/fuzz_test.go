package pbfake_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/proof/boundtest"
)

// Whatever is PUT, the simulator answers as published, and what it accepts is
// within the limits.
func FuzzPutConnection(f *testing.F) {
	for _, seed := range []string{put(connected), put(`{"state":"progress"}`), put(`{"state":"error","message":"m"}`), put(`{"state":1}`), `{"data":[]}`, `{"a/~b":{}}`, "\xff", "{"} {
		f.Add(seed)
	}
	for _, text := range boundtest.JSON() {
		f.Add(text)
	}
	f.Add(put(boundtest.Fill(`{"state":"progress","x":[`, `{},`, `{}]}`)))
	f.Add(put(boundtest.Fill(`{"state":"progress"`, `,"a":0`, `}`)))
	fake := pbfake.New(&pbfake.Options{Tokens: []pbfake.Token{{Value: token}}, RateLimit: -1, Clock: pbfake.NewManualClock(time.Unix(0, 0))})
	f.Cleanup(fake.Close)
	e, err := fake.AddEntity(pbfake.Entity{Type: "feature", Fields: map[string]any{"name": "x"}})
	if err != nil {
		f.Fatal(err)
	}
	send := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/v2"+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		fake.ServeHTTP(w, r)
		return w
	}
	body := create(`"type":"t","name":"n","initialState":{"label":"l"},"integrationStatus":"disabled",` + actionField)
	if w := send("POST", "/plugin-integrations", body); w.Code != 201 {
		f.Fatal(w.Body)
	}
	i := fake.Integrations()[0].ID
	within := func(s string, most int) bool { n := utf8.RuneCountInString(s); return n >= 1 && n <= most }
	f.Fuzz(func(t *testing.T, body string) {
		var w *httptest.ResponseRecorder
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 256 << 10, PerByte: 160}, func() { w = send("PUT", connection(i, e.ID), body) })
		got := fake.State(i, e.ID)
		switch {
		case w.Code == 400 || w.Code == 422:
		case w.Code != 200:
			t.Fatalf("%d for %q", w.Code, body)
		case got.Name == pbfake.StateConnected && (!within(got.Label, 20) || !within(got.HoverLabel, 20) || !within(got.Tooltip, 50) || !within(got.TargetURL, 1000)),
			got.Name == pbfake.StateError && !within(got.Message, 255), got.DebugDetail != "":
			t.Fatalf("accepted %q as %+v", body, got)
		}
	})
}
