package pbapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
)

func TestConnectionStateValidate(t *testing.T) {
	t.Parallel()
	with := func(change func(*pbapi.ConnectionState)) pbapi.ConnectionState {
		s := connected()
		change(&s)
		return s
	}
	wide := strings.Repeat("é", 20) // 40 bytes, 20 characters
	for name, tc := range map[string]struct {
		state pbapi.ConnectionState
		want  []string // nothing: valid
	}{
		"connected": {connected(), nil},
		"initial":   {pbapi.ConnectionState{State: pbapi.StateInitial}, nil},
		"progress":  {pbapi.ConnectionState{State: pbapi.StateProgress}, nil},
		"error":     {pbapi.ConnectionState{State: pbapi.StateError, Message: strings.Repeat("é", 255), DebugDetail: "d"}, nil},
		"at the limits": {with(func(s *pbapi.ConnectionState) {
			s.Label, s.HoverLabel, s.Tooltip = wide, wide, strings.Repeat("é", 50)
		}), nil},
		"no state":             {pbapi.ConnectionState{}, []string{"state: must be one of initial, progress, connected, error"}},
		"unknown state":        {pbapi.ConnectionState{State: "open"}, []string{"state: "}},
		"nothing but a state":  {pbapi.ConnectionState{State: pbapi.StateConnected}, []string{"label: ", "hoverLabel: ", "tooltip: ", "color: ", "targetUrl: must not be empty"}},
		"label":                {with(func(s *pbapi.ConnectionState) { s.Label = wide + "x" }), []string{"label: 21 characters, at most 20"}},
		"hoverLabel":           {with(func(s *pbapi.ConnectionState) { s.HoverLabel = wide + "x" }), []string{"hoverLabel: 21 characters, at most 20"}},
		"tooltip":              {with(func(s *pbapi.ConnectionState) { s.Tooltip = strings.Repeat("é", 51) }), []string{"tooltip: 51 characters, at most 50"}},
		"color":                {with(func(s *pbapi.ConnectionState) { s.Color = "pink" }), []string{"color: must be one of gray, blue, green, yellow, orange, red, purple"}},
		"long targetUrl":       {with(func(s *pbapi.ConnectionState) { s.TargetURL = "https://x/" + strings.Repeat("a", 991) }), []string{"targetUrl: 1001 characters, at most 1000"}},
		"script":               {with(func(s *pbapi.ConnectionState) { s.TargetURL = "javascript:alert(1)" }), []string{"targetUrl: must be a URL that begins with https:// or http://"}},
		"relative":             {with(func(s *pbapi.ConnectionState) { s.TargetURL = "/issues/1" }), []string{"targetUrl: must be a URL that begins with https:// or http://"}},
		"no message":           {pbapi.ConnectionState{State: pbapi.StateError}, []string{"message: must not be empty"}},
		"long message":         {pbapi.ConnectionState{State: pbapi.StateError, Message: strings.Repeat("m", 256)}, []string{"message: 256 characters, at most 255"}},
		"message when fine":    {with(func(s *pbapi.ConnectionState) { s.Message = "m" }), []string{"message: belongs to the state error only"}},
		"texts when not there": {with(func(s *pbapi.ConnectionState) { s.State = pbapi.StateProgress }), []string{"label: belongs", "hoverLabel: belongs", "tooltip: belongs", "color: belongs", "targetUrl: belongs"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.state.Validate()
			if tc.want == nil {
				require.NoError(t, err)
				return
			}
			ferr := requireFault(t, err, fault.Invalid)
			for _, want := range tc.want {
				require.Contains(t, ferr.Public, want)
			}
			require.Equal(t, len(tc.want)-1, strings.Count(ferr.Public, "; "), "%s", ferr.Public)
		})
	}
}

const entityReply = `{"data":{"id":"` + entityID + `","type":"feature","surprise":[1],"fields":{
	"name":"A <name>","description":"<p>Text &amp; <b>more</b></p>","status":{"id":"s","name":"In progress"},
	"owner":{"id":"o","email":"jane@example.com"},"tags":[{"id":"t1","name":"Q4"},{"id":"t2","name":""},{"id":"t3","name":"Launch"}],
	"teams":[{"id":"x","name":"Core"},{"id":"y","name":"Web"}],"archived":false,"timeframe":{"startDate":"2026-10-01","endDate":"2026-12-31","granularity":"month"},
	"open":{"startDate":"2026-10-01"},"health":{"id":"h","status":"onTrack","mode":"manual","comment":"fine"},"workProgress":{"value":75,"mode":"calculated"},
	"progress":{"startValue":0,"targetValue":100,"currentValue":90.5},"number":12345678901234567890.10,"mode":{"mode":"manual"},"yes":true,
	"gone":null,"odd":{"a":{"b":1}},"user":"[redacted]"},
	"relationships":[{"type":"parent"}],"links":{"self":"https://x/s","html":null}}}`

func TestEntityFields(t *testing.T) {
	t.Parallel()
	e, err := against(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, entityReply) }).GetEntity(t.Context(), entityID)
	require.NoError(t, err)
	require.Equal(t, "A <name>", e.Name())
	require.Equal(t, "<p>Text &amp; <b>more</b></p>", e.Description())
	require.Equal(t, "In progress", e.Status())
	require.Equal(t, "jane@example.com", e.Owner())
	require.Equal(t, []string{"Q4", "Launch"}, e.Tags())
	require.Empty(t, e.Links.HTML)
	for field, want := range map[string]string{
		"name": "A <name>", "status": "In progress", "owner": "jane@example.com", "tags": "Q4, Launch", "teams": "Core, Web", "archived": "no", "yes": "yes",
		"timeframe": "2026-10-01 to 2026-12-31", "open": "2026-10-01", "health": "onTrack", "workProgress": "75", "progress": "90.5",
		"number": "12345678901234567890.10", "mode": "", "gone": "", "odd": "", "user": "", "missing": "",
	} {
		require.Equal(t, want, e.Text(field), field)
	}
}

func TestEntityWithoutFields(t *testing.T) {
	t.Parallel()
	for _, fields := range []string{
		`null`, `{}`, `{"name":null,"description":null,"status":null,"owner":null,"tags":null}`,
		`{"name":{},"description":7,"status":[],"owner":"x","tags":{}}`,
		`{"name":"[redacted]","owner":{"id":"o","email":"[redacted]"},"status":{"name":null},"tags":[null]}`,
	} {
		e, err := against(t, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, 200, `{"data":{"id":"`+entityID+`","type":"user","fields":`+fields+`}}`)
		}).GetEntity(t.Context(), entityID)
		require.NoError(t, err)
		require.Empty(t, e.Name()+e.Description()+e.Status()+e.Owner(), fields)
		require.Empty(t, e.Tags(), fields)
	}
}

func TestActionNotificationShape(t *testing.T) {
	t.Parallel()
	full := `{"data":{"integrationId":"i","trigger":"button.push","feature":{"id":"f","links":{"self":"s","html":"h"}},
		"triggeredByUser":{"name":"n","email":"e"},"links":{"connection":"c"}}}`
	var n pbapi.ActionNotification
	require.NoError(t, json.Unmarshal([]byte(full), &n))
	require.Equal(t, pbapi.TriggerPush, n.Data.Trigger)
	again, err := json.Marshal(n)
	require.NoError(t, err)
	require.JSONEq(t, full, string(again))

	n = pbapi.ActionNotification{}
	require.NoError(t, json.Unmarshal([]byte(`{"data":{"integrationId":"i","trigger":"button.push","feature":{"id":"f","links":{"self":"s","html":null}}}}`), &n))
	require.Nil(t, n.Data.TriggeredByUser)
	require.Nil(t, n.Data.Links)
}
