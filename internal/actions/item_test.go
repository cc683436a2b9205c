package actions

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/outbound"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/memtarget"
)

const (
	effortID = "5d1c7b7e-43f0-4f43-9a53-1f0f3a6d7c01"
	notesID  = "5d1c7b7e-43f0-4f43-9a53-1f0f3a6d7c03"
)

// mapped gives the rig's target settings of its own.
func (r *rig) mapped(settings map[string]any) {
	http := outbound.New(&outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	r.t.Cleanup(http.Close)
	settings["url"], settings["project"] = r.url, "demo"
	opened, err := memtarget.Kind().Open(settings, map[string]secret.String{"apiKey": secret.New("tracker-key")}, targets.Deps{HTTP: http})
	require.NoError(r.t, err)
	r.target = func() (*targets.Target, error) { return opened, nil }
}

func TestFieldsAreMappedByNameAndByID(t *testing.T) {
	r := newRig(t)
	r.pb.entity.Fields[effortID] = json.RawMessage(`8`)
	r.pb.entity.Fields[notesID] = json.RawMessage(`"<p>It <b>works</b>.</p>"`)
	r.pb.entity.Fields["tags"] = json.RawMessage(`[{"id":"1","name":"urgent"},{"id":"2","name":"ui"}]`)
	r.pb.names = map[string]string{effortID: "Effort", notesID: "Notes"}
	r.mapped(map[string]any{
		"title":       `{{.Name}} ({{field "effort"}}, {{join "/" .Tags}})`,
		"description": `{{.Description}}<h2>Notes</h2>{{field "Notes"}}<p>by {{.Pusher}}, {{field "` + effortID + `"}}</p>`,
		"labels":      []any{"productboard"},
	})
	for range 2 {
		r.click(pbapi.TriggerPush)
		r.quiet(pbapi.StateConnected)
		r.click(pbapi.TriggerUnlink)
		r.quiet(pbapi.StateInitial)
	}
	issue := r.tracker.Issues("demo", 1)[0]
	require.Equal(t, "Dark mode (8, urgent/ui)", issue.Title)
	require.Contains(t, issue.Description, "Make it **dark**.\n\n## Notes\n\nIt **works**.\n\nby Jane Doe")
	require.Equal(t, []string{"productboard", "urgent", "ui"}, issue.Labels)
	names := 0
	for _, call := range r.pb.calls {
		if call == "configuration" {
			names++
		}
	}
	require.Equal(t, 1, names, "names are asked for once")
}

func TestFieldsByIDNeedNoNames(t *testing.T) {
	r := newRig(t)
	r.pb.entity.Fields[effortID] = json.RawMessage(`8`)
	r.mapped(map[string]any{"title": `{{field "` + effortID + `"}} {{.Name}}`})
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	require.Equal(t, "8 Dark mode", r.tracker.Issues("demo", 1)[0].Title)
	require.NotContains(t, r.pb.calls, "configuration")
}
