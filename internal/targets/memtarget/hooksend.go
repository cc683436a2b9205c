package memtarget

import (
	"bytes"
	"container/heap"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"pushbutton/internal/secret"
)

// Limits of deliveries.
const (
	maxQueued   = 20_000
	maxUnderWay = 16
	maxTries    = 3
	hookTimeout = 5 * time.Second
	// DefaultHookRetry is the pause before a failed delivery is tried again. The
	// second pause is four times as long.
	DefaultHookRetry = time.Second
)

const (
	headerSignature = "X-Memory-Signature"
	headerDelivery  = "X-Memory-Delivery"
	signaturePrefix = "sha256="
	// forgedSecret is no hook's.
	forgedSecret = "a secret that nobody has agreed on"
)

// hookBody is what a delivery tells. SentAt is signed with it.
type hookBody struct {
	Delivery string    `json:"delivery"`
	SentAt   time.Time `json:"sentAt"`
	Change   string    `json:"change"`
	Project  string    `json:"project"`
	Issue    hookIssue `json:"issue"`
}

type hookIssue struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

// outgoing is a delivery that is to be sent.
type outgoing struct {
	Delivery
	due    time.Time
	order  int
	told   hookBody
	secret secret.String
	// doubled and replayed are what follows once it is sent.
	doubled, replayed bool
}

// queue is ordered by the time when a delivery is due.
type queue []*outgoing

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].due.Before(q[j].due) || q[i].due.Equal(q[j].due) && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*outgoing)) } //nolint:forcetypeassert // heap.Push is given nothing else
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	(*q)[len(*q)-1] = nil
	*q = (*q)[:len(*q)-1]
	return last
}

// sender sends deliveries. Its goroutines begin with the first one.
type sender struct {
	now    func() time.Time
	retry  time.Duration
	client *http.Client
	// wake tells the dispatcher of a delivery that may be due sooner.
	wake  chan struct{}
	slots chan struct{}
	work  sync.WaitGroup

	mu         sync.Mutex
	cancel     context.CancelFunc // nil until the first delivery
	closed     bool
	faults     HookFaults
	queue      queue
	underWay   int
	order, seq int
	stats      HookStats
	changes    []Change
	deliveries []Delivery
}

func newSender(now func() time.Time, opts Options) *sender {
	s := &sender{
		now: now, retry: opts.HookRetry, wake: make(chan struct{}, 1), slots: make(chan struct{}, maxUnderWay), stats: newHookStats(),
		client: &http.Client{
			Transport: opts.HookTransport, Timeout: hookTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if s.retry <= 0 {
		s.retry = DefaultHookRetry
	}
	if s.client.Transport == nil {
		s.client.Transport = &http.Transport{MaxIdleConnsPerHost: maxUnderWay, IdleConnTimeout: 30 * time.Second} // no proxy
	}
	return s
}

// Close ends the deliveries that are under way, and drops those that are queued.
func (t *Tracker) Close() {
	s := t.sender
	s.mu.Lock()
	s.closed, s.queue = true, nil
	if s.cancel != nil {
		s.cancel()
	}
	s.mu.Unlock()
	s.work.Wait()
	s.client.CloseIdleConnections()
}

// tell writes a change down and queues its webhooks, those of each project. It needs
// the tracker's lock.
func (t *Tracker) tell(r *Record, changes map[string]string) {
	r.UpdatedAt = t.now()
	r.changes++
	s := t.sender
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Changes++
	what := changes[r.Project]
	s.changes = keep(s.changes, Change{Seq: s.stats.Changes, Issue: r.ID, What: what, At: r.UpdatedAt})
	for name, what := range changes {
		for _, h := range t.projects[name].hooks {
			if h.Active {
				s.deliver(h, r, what)
			}
		}
	}
}

// deliver queues what a hook gets of a change. It needs the lock.
func (s *sender) deliver(h Hook, r *Record, what string) {
	plan := s.faults.plan(r.subject, r.changes)
	d := &outgoing{
		Delivery: Delivery{Hook: h.ID, URL: h.URL, ID: uuid.NewString(), Issue: r.ID, What: what, Kind: plan.kind, ChangedAt: r.UpdatedAt},
		due:      time.Now().Add(plan.wait), secret: h.Secret, doubled: plan.doubled, replayed: plan.replayed,
	}
	d.told = hookBody{Delivery: d.ID, Change: what, Project: r.Project, Issue: hookIssue{ID: r.ID, Key: r.Key}}
	if plan.forged {
		lie := *d
		lie.ID, lie.Kind, lie.What, lie.secret = uuid.NewString(), KindForged, ChangeDeleted, secret.New(forgedSecret)
		lie.doubled, lie.replayed, lie.due = false, false, time.Now()
		lie.told.Delivery, lie.told.Change = lie.ID, ChangeDeleted
		s.push(&lie)
	}
	if plan.lost {
		d.Kind = KindLost
		s.stats.count(KindLost)
		d.sign(s.now())
		s.log(d.Delivery)
		return
	}
	s.push(d)
}

// push queues a delivery. It needs the lock.
func (s *sender) push(d *outgoing) {
	if s.closed || len(s.queue) >= maxQueued {
		s.stats.Dropped++
		return
	}
	if d.Try == 0 {
		s.stats.count(d.Kind)
	}
	s.order++
	d.order = s.order
	heap.Push(&s.queue, d)
	if s.cancel == nil {
		ctx, cancel := context.WithCancel(context.Background())
		s.cancel = cancel
		s.work.Go(func() { s.dispatch(ctx) })
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// log writes a try down. It needs the lock.
func (s *sender) log(d Delivery) {
	s.seq++
	d.Seq = s.seq
	s.deliveries = keep(s.deliveries, d)
}

// copyOf returns a delivery to be sent once more, byte for byte.
func (s *sender) copyOf(d Delivery, kind string) *outgoing {
	d.Kind, d.Try, d.Status, d.Error = kind, 0, 0, ""
	return &outgoing{Delivery: d, due: time.Now()}
}

// dispatch sends what is due until the context ends.
func (s *sender) dispatch(ctx context.Context) {
	for {
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		d := s.await(ctx)
		if d == nil {
			return
		}
		s.work.Go(func() {
			defer func() { <-s.slots }()
			s.send(ctx, d)
		})
	}
}

// await returns the next delivery once it is due, or nil when the context has ended.
func (s *sender) await(ctx context.Context) *outgoing {
	for {
		s.mu.Lock()
		wait := maxDelay
		if len(s.queue) > 0 {
			if wait = time.Until(s.queue[0].due); wait <= 0 {
				d := heap.Pop(&s.queue).(*outgoing) //nolint:forcetypeassert // it holds nothing else
				s.underWay++
				s.mu.Unlock()
				return d
			}
		}
		s.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.wake:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// send tries once to deliver, writes it down, and queues what follows.
func (s *sender) send(ctx context.Context, d *outgoing) {
	d.Try++
	d.SentAt = s.now()
	if d.told.Delivery != "" { // no copy
		d.sign(d.SentAt)
	}
	begun := time.Now()
	status, err := s.post(ctx, d)
	d.TookMS, d.Status, d.Error = time.Since(begun).Milliseconds(), status, ""
	if err != nil {
		d.Error = err.Error()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.underWay--
	if ctx.Err() != nil {
		return // closed
	}
	s.log(d.Delivery)
	s.answered(d)
	if d.Try == 1 {
		s.follow(d)
	}
	switch failed := status == 0 || status == http.StatusTooManyRequests || status >= 500; {
	case !failed:
	case d.Try >= maxTries:
		s.stats.GivenUp++
	default:
		s.stats.Retried++
		pause := s.retry
		for range d.Try - 1 {
			pause *= 4
		}
		d.due = time.Now().Add(pause)
		s.push(d)
	}
}

// answered counts an answer. It needs the lock.
func (s *sender) answered(d *outgoing) {
	answer := "none"
	if d.Status != 0 {
		answer = strconv.Itoa(d.Status)
	}
	if d.Kind == KindForged {
		s.stats.ForgedAnswers[answer]++
		return
	}
	s.stats.Sent++
	s.stats.Answers[answer]++
	if d.Status >= 200 && d.Status < 300 {
		s.stats.Delivered++
	}
}

// follow queues the copies that are to follow a delivery. It needs the lock.
func (s *sender) follow(d *outgoing) {
	if d.doubled {
		s.push(s.copyOf(d.Delivery, KindDoubled))
	}
	if !d.replayed {
		return
	}
	const back = 100 // deliveries
	for i := len(s.deliveries) - 1; i >= max(0, len(s.deliveries)-back); i-- {
		earlier := s.deliveries[i]
		if earlier.Hook == d.Hook && earlier.ID != d.ID && earlier.Kind != KindForged && earlier.Kind != KindLost {
			s.push(s.copyOf(earlier, KindReplayed))
			return
		}
	}
}

// sign makes body and signature anew.
func (d *outgoing) sign(now time.Time) {
	d.told.SentAt = now.UTC()
	d.body, _ = json.Marshal(d.told) // texts and a time: cannot fail
	mac := hmac.New(sha256.New, []byte(d.secret.Reveal()))
	mac.Write(d.body)
	d.signature = signaturePrefix + hex.EncodeToString(mac.Sum(nil))
}

// post sends a delivery and returns the answer's status.
func (s *sender) post(ctx context.Context, d *outgoing) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(d.body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "memory-tracker")
	req.Header.Set(headerSignature, d.signature)
	req.Header.Set(headerDelivery, d.ID)
	res, err := s.client.Do(req)
	if err != nil {
		if uerr, ok := errors.AsType[*url.Error](err); ok {
			err = uerr.Err // the address stands beside it
		}
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxBody)) // so that the connection can be used again
	return res.StatusCode, nil
}
