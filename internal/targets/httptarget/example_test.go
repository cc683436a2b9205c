package httptarget_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/httptarget"
)

// The settings describe the requests of a tracker that has no driver.
func Example() {
	ctx := context.Background()
	tracker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.Method, r.URL.Path, r.Header.Get("Authorization"))
		fmt.Println(string(body))
		_, _ = io.WriteString(w, `{"ticket": {"id": 7, "state": "new"}}`)
	}))
	defer tracker.Close()
	client := outbound.New(&outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	defer client.Close()

	target, err := httptarget.Kind().Open(map[string]any{
		"name":    "Helpdesk",
		"headers": map[string]any{"Authorization": `Bearer {{secret "token"}}`},
		"create":  map[string]any{"url": tracker.URL + "/tickets", "body": `{"subject": {{.Title}}, "ref": {{.Marker}}}`, "at": "$.ticket"},
		"issue":   map[string]any{"id": "$.id", "key": "#{{.ID}}", "status": []any{"$.state"}},
	}, map[string]secret.String{"token": secret.New("0123456789abcdef")}, targets.Deps{HTTP: client})
	if err != nil {
		fmt.Println(err)
		return
	}
	issue, err := target.Create(ctx, targets.Draft{Marker: "pb-example", Title: `A "calmer" start`})
	fmt.Println(targets.OutcomeOf(err), issue.Key, issue.Status)
	// Output:
	// POST /tickets Bearer 0123456789abcdef
	// {"subject": "A \"calmer\" start", "ref": "pb-example"}
	// done #7 new
}
