package memtarget_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/netip"

	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/memtarget"
)

// A Kind opens a Target of raw settings. The Target maps an item to a draft,
// and creates the issue once: a second look finds it by its marker.
func Example() {
	ctx := context.Background()
	tracker := memtarget.NewTracker(memtarget.Options{})
	tracker.AddProject("demo", secret.New("the-key-of-the-project"))
	server := httptest.NewServer(tracker.API())
	defer server.Close()
	client := outbound.New(&outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	defer client.Close()

	target, err := memtarget.Kind().Open(
		map[string]any{"url": server.URL, "project": "demo", "title": "[{{.Type}}] {{.Name}}"},
		map[string]secret.String{"apiKey": secret.New("the-key-of-the-project")},
		targets.Deps{HTTP: client})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := target.Check(ctx); err != nil {
		fmt.Println(err)
		return
	}
	item := targets.Item{Type: "feature", Name: "A calmer start", HTML: "<p>As <b>they</b> said.</p>", Link: "https://example.productboard.com/1"}
	draft, err := target.DraftContext(ctx, targets.NewMarker("demo", "1", 1), item)
	if err != nil {
		fmt.Println(err)
		return
	}
	issue, err := target.Create(ctx, draft)
	fmt.Println(targets.OutcomeOf(err), issue.Title, issue.Status)

	found, err := target.Find(ctx, draft.Marker)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(found.ID == issue.ID)
	// Output:
	// done [feature] A calmer start Open
	// true
}
