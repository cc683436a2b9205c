package pbfake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"time"
)

// Trigger says which button was clicked.
type Trigger string

// The triggers that Productboard has.
const (
	Push    Trigger = "button.push"
	Unlink  Trigger = "button.unlink"
	Dismiss Trigger = "button.dismiss"
)

// Offered returns which buttons a user sees in a state. Click does not keep to
// it: a page that lags behind, and a double click, do not either.
func Offered(state string) []Trigger {
	switch state {
	case StateInitial:
		return []Trigger{Push}
	case StateConnected:
		return []Trigger{Unlink}
	case StateError:
		return []Trigger{Dismiss, Push}
	default:
		return nil
	}
}

// User is who clicks. Productboard leaves the user out of some notifications:
// so does the simulator for an empty one.
type User struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// Answer is the outcome of a click.
type Answer struct {
	// Status of the plugin's reply; 0 if there was none.
	Status int
	// State is what the answer wrote, or will write after Late: the plugin's,
	// or error if the answer was not usable.
	State State
	// Failure says why the answer was not usable; empty if it was.
	Failure string
	// Took is from the click to the answer.
	Took time.Duration
	// Late is how long Productboard takes to write the answer.
	Late time.Duration
}

// Errors of Click.
var (
	ErrNoIntegration = errors.New("there is no such integration")
	ErrNoEntity      = errors.New("there is no such entity")
	ErrDisabled      = errors.New("the integration is disabled: its column is hidden")
)

// messageFailed is what the user reads when a push fails on Productboard's
// side; the reason is in debugDetail.
const messageFailed = "Something went wrong. Please try again later."

const maxDebugDetail = 8000

// Click does what Productboard does when a user clicks a button: it sends the
// notification, waits for the answer and writes the state that the answer
// holds. It returns when the answer is there; with a late answer the state is
// written after that. Any number of clicks may be on their way at once. The
// error is for clicks that are not possible; a bad answer is in the Answer.
func (f *Fake) Click(ctx context.Context, integrationID, entityID string, trigger Trigger, user User) (Answer, error) {
	key := connectionKey{lower(integrationID), lower(entityID)}
	i, err := f.startClick(key, trigger)
	if err != nil {
		return Answer{}, err
	}
	defer f.work.Done()
	ctx, cancel := f.callbackContext(ctx)
	defer cancel()

	start := f.clock.Now()
	e := f.strike(OpClick, key, ClassCallback)
	a := Answer{Late: e.late}
	state, err := f.notify(ctx, i, notification(f, key, trigger, user), e, &a)
	a.Took = f.clock.Now().Sub(start)
	if err != nil {
		a.Failure = err.Error()
		state = State{Name: StateError, Message: messageFailed, DebugDetail: cut(a.Failure, maxDebugDetail)}
	}
	a.State = state
	f.endClick(key, trigger, a)
	return a, nil
}

func (f *Fake) startClick(key connectionKey, trigger Trigger) (integration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.integrations[key.integration]
	switch {
	case f.closed:
		return integration{}, errClosed
	case i == nil:
		return integration{}, ErrNoIntegration
	case f.entities[key.entity] == nil:
		return integration{}, ErrNoEntity
	case i.status != "enabled":
		return integration{}, ErrDisabled
	}
	f.work.Add(1)
	f.counters.count(OpClick, key)
	cn := f.button(key)
	cn.waiting++
	f.record(Event{Kind: EventClick, IntegrationID: key.integration, EntityID: key.entity, Trigger: trigger, Waiting: cn.waiting, Before: cn.state.Name})
	return *i, nil
}

func (f *Fake) endClick(key connectionKey, trigger Trigger, a Answer) {
	f.mu.Lock()
	waiting := 0
	if cn := f.connections[key]; cn != nil {
		cn.waiting--
		waiting = cn.waiting
	}
	f.record(Event{Kind: EventAnswer, IntegrationID: key.integration, EntityID: key.entity, Trigger: trigger,
		Status: a.Status, Took: a.Took, State: &a.State, Waiting: waiting, Detail: a.Failure})
	f.prune(key)
	f.mu.Unlock()
	if a.Late > 0 {
		f.later(a.Late, func() { f.write(key, a.State, SourceLateAnswer) })
		return
	}
	f.write(key, a.State, SourceAnswer)
}

// notify sends the notification and reads the answer.
func (f *Fake) notify(ctx context.Context, i integration, body []byte, e effects, a *Answer) (State, error) {
	if err := f.pause(ctx, e.delay); err != nil {
		return State{}, f.explain(ctx, err)
	}
	if e.dropBefore {
		return State{}, errors.New("the action URL did not answer: connection reset")
	}
	reply := edgeReply{status: e.status}
	if e.status == 0 {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.url, nil)
		if err != nil {
			return State{}, err
		}
		req.Header.Set("Content-Type", contentTypeJSON)
		req.Header.Set("Accept", contentTypeJSON)
		if reply, err = f.callback(req, i, body); err != nil {
			return State{}, f.explain(ctx, err)
		}
	}
	if e.dropAfter {
		return State{}, errors.New("the action URL did not answer: connection reset")
	}
	a.Status = reply.status
	return f.readAnswer(reply, i.legacy)
}

// readAnswer holds an answer to the published shape.
func (f *Fake) readAnswer(reply edgeReply, legacy bool) (State, error) {
	if reply.status != http.StatusOK {
		return State{}, fmt.Errorf("the action URL answered %d: %s", reply.status, cut(string(reply.body), 500))
	}
	if media, _, err := mime.ParseMediaType(reply.header.Get("Content-Type")); err != nil || media != contentTypeJSON {
		return State{}, fmt.Errorf("the answer's content type is %q, not %s", reply.header.Get("Content-Type"), contentTypeJSON)
	}
	doc, err := decodeJSON(reply.body)
	if err != nil {
		return State{}, fmt.Errorf("JSON decoding error: %w", err)
	}
	rule := f.rules.answer
	if legacy {
		rule = f.rules.legacyAnswer
	}
	if problems := check(rule, doc); len(problems) > 0 {
		return State{}, fmt.Errorf("JSON decoding error: %s: %s", problems[0].pointer, problems[0].detail)
	}
	var answer struct {
		Data struct {
			Connection State `json:"connection"` // v1
			Fields     struct {
				Connection State `json:"connection"`
			} `json:"fields"`
		} `json:"data"`
	}
	if err := json.Unmarshal(reply.body, &answer); err != nil {
		return State{}, fmt.Errorf("JSON decoding error: %w", err)
	}
	if legacy {
		return answer.Data.Connection, nil
	}
	return answer.Data.Fields.Connection, nil
}

// notification is the body that the plugin gets. Its links are
// Productboard's real ones, the entity's even of API v1 as in the published
// example: nothing there may be called.
func notification(f *Fake, key connectionKey, trigger Trigger, user User) []byte {
	type object = map[string]any
	payload := object{
		"integrationId": key.integration,
		"trigger":       trigger,
		"feature": object{"id": key.entity, "links": object{
			"self": productboardAPI + "/features/" + key.entity,
			"html": f.PageOf(key.entity),
		}},
		"links": object{"connection": productboardAPI + apiPrefix + connectionPath(key)},
	}
	if user != (User{}) {
		payload["triggeredByUser"] = user
	}
	raw, err := json.Marshal(object{"data": payload})
	if err != nil {
		panic(err) // texts only: cannot fail
	}
	return raw
}

// probe asks an action URL to echo a token, as on creation.
func (f *Fake) probe(ctx context.Context, i integration) error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return errClosed
	}
	f.work.Add(1)
	// Some characters that must survive a query.
	token := f.ids.next() + "+/=&% ~"
	f.mu.Unlock()
	defer f.work.Done()
	ctx, cancel := f.callbackContext(ctx)
	defer cancel()

	f.counters.count(OpProbe, connectionKey{})
	start := f.clock.Now()
	status, err := f.sendProbe(ctx, i, token)
	ev := Event{Kind: EventProbe, IntegrationID: i.id, Status: status, Took: f.clock.Now().Sub(start), Detail: "passed"}
	if err != nil {
		ev.Detail = err.Error()
	}
	f.record(ev)
	return err
}

func (f *Fake) sendProbe(ctx context.Context, i integration, token string) (int, error) {
	u, err := url.Parse(i.url)
	if err != nil {
		return 0, err
	}
	query := u.Query()
	query.Set("validationToken", token)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept", contentTypePlain)

	e := f.strike(OpProbe, connectionKey{integration: i.id}, ClassProbe)
	if err := f.pause(ctx, e.delay); err != nil {
		return 0, f.explain(ctx, err)
	}
	reply := edgeReply{status: e.status}
	if e.status == 0 && !e.dropBefore {
		if reply, err = f.callback(req, i, nil); err != nil {
			return 0, f.explain(ctx, err)
		}
	}
	media, _, _ := mime.ParseMediaType(reply.header.Get("Content-Type"))
	switch {
	case e.dropBefore || e.dropAfter:
		return 0, errors.New("connection reset")
	case reply.status != http.StatusOK:
		return reply.status, fmt.Errorf("it answered %d, not 200", reply.status)
	case media != contentTypePlain:
		return reply.status, fmt.Errorf("its content type is %q, not %s", cut(reply.header.Get("Content-Type"), 100), contentTypePlain)
	case string(reply.body) != token:
		return reply.status, errors.New("it did not echo the validationToken exactly")
	}
	return reply.status, nil
}

// callback sends a request to a plugin with the value that its integration
// was given.
func (f *Fake) callback(req *http.Request, i integration, body []byte) (edgeReply, error) {
	req.Header.Set("User-Agent", "Productboard")
	if i.authorization != "" {
		req.Header.Set("Authorization", i.authorization)
	}
	return f.edge.send(req, body)
}

var errCallbackTimeout = errors.New("callback timeout")

// callbackContext ends with the limit of callbacks, by the simulator's clock,
// with the caller's context and with Close.
func (f *Fake) callbackContext(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stopClock := f.clock.AfterFunc(f.opts.CallbackTimeout, func() { cancel(errCallbackTimeout) })
	stopClose := context.AfterFunc(f.ctx, func() { cancel(errClosed) })
	return ctx, func() {
		stopClock()
		stopClose()
		cancel(nil)
	}
}

// explain distinguishes our own limit from other failures.
func (f *Fake) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errCallbackTimeout) {
		return fmt.Errorf("the action URL did not answer within %s", f.opts.CallbackTimeout)
	} else if cause != nil {
		err = cause
	}
	return fmt.Errorf("the action URL did not answer: %w", err)
}
