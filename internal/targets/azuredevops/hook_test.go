package azuredevops_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/azuredevops"
)

const hookSecret = "hook-secret"

func hook(password, body string) targets.Hook {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth("azure", password)
	return targets.Hook{Header: r.Header, Body: []byte(body)}
}

// The shapes are those of Microsoft's page on service hook events.
func TestReadHook(t *testing.T) {
	t.Parallel()
	const id = `"subscriptionId":"4f6e6328","notificationId":2,"id":"27646e0e-b520-4d2b-9411-bba7524947cd","publisherId":"tfs"`
	delivery := "27646e0e-b520-4d2b-9411-bba7524947cd"
	for name, c := range map[string]struct {
		body string
		want []targets.HookEvent
	}{
		"created": {`{` + id + `,"eventType":"workitem.created","resource":{"id":5,"rev":1,"fields":{}}}`, []targets.HookEvent{{Delivery: delivery, ID: "5"}}},
		// resource.id is the update's here.
		"updated":  {`{` + id + `,"eventType":"workitem.updated","resource":{"id":2,"workItemId":5,"rev":2,"revision":{"id":5}}}`, []targets.HookEvent{{Delivery: delivery, ID: "5"}}},
		"deleted":  {`{` + id + `,"eventType":"workitem.deleted","resource":{"id":5}}`, []targets.HookEvent{{Delivery: delivery, ID: "5", Gone: true}}},
		"restored": {`{` + id + `,"eventType":"workitem.restored","resource":{"id":5}}`, []targets.HookEvent{{Delivery: delivery, ID: "5"}}},
		"test":     {`{` + id + `,"eventType":"workitem.updated","resource":{"id":2,"workItemId":0,"rev":2,"revision":{"id":0}}}`, nil},
		"a build":  {`{` + id + `,"eventType":"build.complete","resource":{"id":2727068}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := azuredevops.Kind().ReadHook(secret.New(hookSecret), hook(hookSecret, c.body))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestReadHookRefuses(t *testing.T) {
	t.Parallel()
	good := `{"id":"1","eventType":"workitem.created","resource":{"id":5}}`
	for name, c := range map[string]struct {
		secret string
		hook   targets.Hook
		kind   fault.Kind
	}{
		"wrong password":  {hookSecret, hook("hook-secre", good), fault.Unauthorized},
		"no password":     {hookSecret, targets.Hook{Body: []byte(good)}, fault.Unauthorized},
		"no secret of us": {"", hook("", good), fault.Unauthorized},
		"garbage":         {hookSecret, hook(hookSecret, `{"id":`), fault.Invalid},
		"another body":    {hookSecret, hook(hookSecret, `{"action":"opened"}`), fault.Invalid},
		"no resource":     {hookSecret, hook(hookSecret, `{"id":"1","eventType":"workitem.created"}`), fault.Invalid},
		"update of what?": {hookSecret, hook(hookSecret, `{"id":"1","eventType":"workitem.updated","resource":{"id":2}}`), fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := azuredevops.Kind().ReadHook(secret.New(c.secret), c.hook)
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err))
		})
	}
}

func FuzzReadHook(f *testing.F) {
	f.Add(`{"id":"1","eventType":"workitem.updated","resource":{"id":2,"workItemId":5}}`)
	f.Add(`{"eventType":"workitem.","resource":null}`)
	f.Add(`[]`)
	for _, text := range boundtest.JSON() {
		f.Add(text)
	}
	f.Add(boundtest.Fill(`{"id":"1","eventType":"workitem.updated","resource":{"id":2,"workItemId":5,"fields":[`, `"\u003c",`, `0]}}`))
	f.Fuzz(func(t *testing.T, body string) {
		var events []targets.HookEvent
		var err error
		given := hook(hookSecret, body)
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 16 << 10, PerByte: 64}, func() { events, err = azuredevops.Kind().ReadHook(secret.New(hookSecret), given) })
		for _, e := range events {
			if err != nil || e.ID == "" || e.ID == "0" {
				t.Fatalf("%+v beside %v", e, err)
			}
		}
		if _, err := azuredevops.Kind().ReadHook(secret.New(hookSecret), hook("wrong", body)); err == nil {
			t.Fatalf("a wrong password was taken: %v", err)
		}
	})
}
