package actions

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/tenants"
)

func request(body string) Request {
	return Request{Integration: intID, Authorization: "Bearer s3cret", ContentType: "application/json; charset=utf-8", Body: []byte(body)}
}

func TestReceiveRejects(t *testing.T) {
	good := string(notification(pbapi.TriggerPush))
	replace := func(old, with string) Request { return request(strings.Replace(good, old, with, 1)) }
	for name, c := range map[string]struct {
		req     Request
		kind    fault.Kind
		pointer string
	}{
		"no authorization":        {Request{Integration: intID, ContentType: "application/json", Body: []byte(good)}, fault.Unauthorized, ""},
		"wrong authorization":     {Request{Integration: intID, Authorization: "Bearer s3creT", ContentType: "application/json", Body: []byte(good)}, fault.Unauthorized, ""},
		"unknown integration":     {Request{Integration: "nothing", Authorization: "Bearer s3cret", Body: []byte(good)}, fault.NotFound, ""},
		"wrong content type":      {Request{Integration: intID, Authorization: "Bearer s3cret", ContentType: "text/plain", Body: []byte(good)}, fault.Invalid, ""},
		"no content type":         {Request{Integration: intID, Authorization: "Bearer s3cret", Body: []byte(good)}, fault.Invalid, ""},
		"empty":                   {request(""), fault.Invalid, ""},
		"not JSON":                {request("{"), fault.Invalid, ""},
		"two values":              {request(good + "{}"), fault.Invalid, ""},
		"an array":                {request("[]"), fault.Invalid, ""},
		"too large":               {request(good + strings.Repeat(" ", MaxBody)), fault.Invalid, ""},
		"null":                    {request("null"), fault.Invalid, "/data/integrationId"},
		"integration id no UUID":  {replace(pbID, "x"), fault.Invalid, "/data/integrationId"},
		"another integration's":   {replace(pbID, "00000000-0000-4000-8000-00000000000b"), fault.Invalid, "/data/integrationId"},
		"integration id a number": {replace(`"`+pbID+`"`, "7"), fault.Invalid, "/data/integrationId"},
		"entity id no UUID":       {replace(entityID, "{"+entityID+"}"), fault.Invalid, "/data/feature/id"},
		"entity id in an URN":     {replace(entityID, "urn:uuid:"+entityID), fault.Invalid, "/data/feature/id"},
		"entity missing":          {replace(`"feature"`, `"other"`), fault.Invalid, "/data/feature/id"},
		"unknown trigger":         {replace("button.push", "button.pull"), fault.Invalid, "/data/trigger"},
		"no trigger":              {replace(`"trigger"`, `"other"`), fault.Invalid, "/data/trigger"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			_, err := r.receive.Receive(context.Background(), c.req)
			require.ErrorIs(t, err, c.kind)
			require.NotContains(t, err.Error(), "s3cret")
			if where, ok := errors.AsType[*RequestError](err); ok {
				require.Equal(t, c.pointer, where.Pointer)
			} else {
				require.Empty(t, c.pointer)
			}
			require.Empty(t, r.queue)
			require.Empty(t, r.env.Mini.Keys(), "nothing was recorded")
		})
	}
}

func TestReceiveToleratesWhatItDoesNotNeed(t *testing.T) {
	r := newRig(t)
	body := `{"data":{"integrationId":"` + strings.ToUpper(pbID) + `","trigger":"button.push","feature":{"id":"` + entityID + `","new":1},"other":[]},"more":{}}`
	answer, err := r.receive.Receive(context.Background(), request(body))
	require.NoError(t, err)
	require.Equal(t, pbapi.StateProgress, answer.State.State)
}

func TestAnswerShapes(t *testing.T) {
	for shape, want := range map[tenants.AnswerShape]string{
		tenants.AnswerV2: `{"data":{"fields":{"connection":{"state":"progress"}}}}`,
		"":               `{"data":{"fields":{"connection":{"state":"progress"}}}}`,
		tenants.AnswerV1: `{"data":{"connection":{"state":"progress"}}}`,
	} {
		r := newRig(t)
		r.in.Answer = shape
		answer, err := r.receive.Receive(context.Background(), request(string(notification(pbapi.TriggerPush))))
		require.NoError(t, err)
		got, err := json.Marshal(answer.body())
		require.NoError(t, err)
		require.JSONEq(t, want, string(got))
	}
}

func TestReceiveBeforeTheIntegrationIsKnown(t *testing.T) {
	r := newRig(t)
	r.in.ProductboardID = ""
	_, err := r.receive.Receive(context.Background(), request(string(notification(pbapi.TriggerPush))))
	require.ErrorIs(t, err, fault.Unavailable)
}

func TestDisabledIntegrationSaysSo(t *testing.T) {
	r := newRig(t)
	r.in.Disabled = true
	require.Equal(t, pbapi.StateError, r.click(pbapi.TriggerPush).State)
	require.Empty(t, r.queue)
	require.Equal(t, pbapi.StateInitial, r.click(pbapi.TriggerUnlink).State)
}

func TestRedisAwayIsNoProgress(t *testing.T) {
	r := newRig(t)
	r.env.Mini.SetError("READONLY You can't write against a read only replica.")
	_, err := r.receive.Receive(context.Background(), request(string(notification(pbapi.TriggerPush))))
	require.ErrorIs(t, err, fault.Unavailable)
	require.Equal(t, fault.SidePlugin, fault.From(err).Side)
}

// hanging is a Redis that does not answer until the time for it is over.
type hanging struct {
	Clicks
	t *testing.T
}

func (h hanging) wait(ctx context.Context) error {
	end, bounded := ctx.Deadline()
	require.True(h.t, bounded, "or it would wait for ever")
	require.LessOrEqual(h.t, time.Until(end), answerTimeout)
	return context.DeadlineExceeded
}

func (h hanging) ByID(ctx context.Context, _ string) (tenants.Integration, error) {
	return tenants.Integration{}, fault.Wrap(fault.Unavailable, "find integration", h.wait(ctx))
}

func (h hanging) Push(ctx context.Context, _ connections.Key, _ connections.Person) (connections.Record, *connections.Task, error) {
	return connections.Record{}, nil, h.wait(ctx)
}

func (h hanging) RejectClick(ctx context.Context, _ connections.Key, _ connections.Person, _ connections.Failure) (connections.Record, *connections.Task, error) {
	return connections.Record{}, nil, h.wait(ctx)
}

func (h hanging) Enqueue(ctx context.Context, _ connections.Task) error { return h.wait(ctx) }

func TestHangingRedisIsNotWaitedFor(t *testing.T) {
	h := hanging{t: t}
	for name, hang := range map[string]func(r *Receiver){
		"integration": func(r *Receiver) { r.integrations = h },
		"record":      func(r *Receiver) { r.clicks = h },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			hang(r.receive)
			_, err := r.receive.Receive(context.Background(), request(string(notification(pbapi.TriggerPush))))
			require.Contains(t, []fault.Kind{fault.Unavailable, fault.Timeout}, fault.KindOf(err), "both are a 503")
		})
	}
	r := newRig(t)
	r.receive.queue = h
	require.Equal(t, pbapi.StateProgress, r.click(pbapi.TriggerPush).State, "it is recorded; the rescuer queues it")
}

// A click counts once it is recorded: if only the queuing fails, the rescuer
// queues it.
func TestRecordedButNotQueued(t *testing.T) {
	r := newRig(t)
	r.receive.queue = brokenQueue{}
	require.Equal(t, pbapi.StateProgress, r.click(pbapi.TriggerPush).State)
	r.receive.queue = r
	r.advance(r.store.Timing().RescueAfter + 1)
	found, _, err := r.store.Rescue(context.Background())
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.NoError(t, r.Enqueue(context.Background(), found[0].Task))
	r.quiet(pbapi.StateConnected)
}

type brokenQueue struct{}

func (brokenQueue) Enqueue(context.Context, connections.Task) error {
	return errors.New("the queue is away")
}

func TestDismissWhileConnectedShowsTheIssue(t *testing.T) {
	r := newRig(t)
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	require.Equal(t, pbapi.StateConnected, r.click(pbapi.TriggerDismiss).State, "an old pop-up must not hide the issue")
}

func FuzzActionBody(f *testing.F) {
	f.Add(notification(pbapi.TriggerPush))
	f.Add([]byte(`{"data":{"integrationId":"","trigger":7,"feature":[]}}`))
	f.Add([]byte("{\"data\":{\"triggeredByUser\":{\"name\":\"\u202e\"}}}"))
	for _, text := range boundtest.JSON() {
		f.Add([]byte(text))
	}
	f.Add([]byte(boundtest.Fill(`{"data":{"triggeredByUser":{"name":"`, `\u202e`, `"}}}`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		var c click
		var err error
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 32 << 10, PerByte: 64}, func() { c, err = parse(Request{ContentType: "application/json", Body: body}, pbID) })
		if err != nil {
			e := fault.From(err)
			require.Contains(t, []fault.Kind{fault.Invalid}, e.Kind)
			require.NotEmpty(t, e.Public)
			return
		}
		require.Len(t, c.entity, 36)
		require.Equal(t, strings.ToLower(c.entity), c.entity)
		require.Contains(t, []pbapi.Trigger{pbapi.TriggerPush, pbapi.TriggerUnlink, pbapi.TriggerDismiss}, c.trigger)
	})
}
