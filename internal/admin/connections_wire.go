package admin

import (
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pushes"
	"pushbutton/internal/targets"
)

// ConnectionFilter narrows a list of connections.
type ConnectionFilter struct {
	Integration string    `json:"integration,omitempty" max:"255" doc:"Only this integration, by its id or name."`
	Entity      string    `json:"entity,omitempty" max:"128" doc:"Only this item, by its id at Productboard."`
	Kind        string    `json:"kind,omitempty" enum:"internal,invalid,unauthorized,forbidden,not_found,conflict,rate_limited,unavailable,timeout,canceled,blocked" doc:"Only this kind of failure."`
	From        time.Time `json:"from,omitzero" doc:"Only what last changed at this time or later."`
	To          time.Time `json:"to,omitzero" doc:"Only what last changed before this time."`
	Text        string    `json:"text,omitempty" max:"500" doc:"Searched for, ignoring case, in the item's id, the issue's key, address and title, who clicked, and the failure with its reference."`
}

func (f ConnectionFilter) filter() pushes.Filter {
	return pushes.Filter{Integration: f.Integration, Entity: f.Entity, Kind: f.Kind, From: f.From, To: f.To, Text: f.Text}
}

// ConnectionQuery is the query of the list of connections.
type ConnectionQuery struct {
	State string `json:"state,omitempty" enum:"initial,progress,connected,error" doc:"Only buttons that show this."`
	ConnectionFilter
	Paging
}

// ConnectionIssue is the issue that a button shows.
type ConnectionIssue struct {
	ID     string `json:"id"`
	Key    string `json:"key,omitempty"`
	URL    string `json:"url,omitempty"`
	Title  string `json:"title,omitempty"`
	Status string `json:"status,omitempty"`
}

// ConnectionFailure says why something did not work.
type ConnectionFailure struct {
	Kind      string     `json:"kind"`
	Message   string     `json:"message"`
	Side      fault.Side `json:"side,omitempty" enum:"plugin,productboard,tracker" doc:"Who has to act. plugin is this deployment."`
	Reference string     `json:"reference,omitempty" doc:"That side's own id of the request or error."`
}

// ConnectionPerson is who clicked.
type ConnectionPerson struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

// Connection is a button: one item in one integration's column.
type Connection struct {
	Integration     string             `json:"integration" doc:"The integration's id."`
	IntegrationName string             `json:"integrationName,omitempty" doc:"Absent while the integration is being deleted."`
	Entity          string             `json:"entity" doc:"The item's id at Productboard."`
	State           string             `json:"state" enum:"initial,progress,connected,error" doc:"What the button shows."`
	ToDo            string             `json:"toDo,omitempty" doc:"What is left to do: open (find or create the issue), settle (tell Productboard), verify (read the button back), cleanup (treat the issue of an unlinked push)."`
	ClickedAt       time.Time          `json:"clickedAt,omitzero" doc:"When its latest push began; absent if it was never pushed."`
	ClickedBy       *ConnectionPerson  `json:"clickedBy,omitempty"`
	ChangedAt       time.Time          `json:"changedAt" doc:"When what the button shows last changed, or when it was last clicked to change it."`
	Attempts        int                `json:"attempts,omitempty" doc:"How many tries of the present push count."`
	Issue           *ConnectionIssue   `json:"issue,omitempty"`
	Failure         *ConnectionFailure `json:"failure,omitempty" doc:"Why the button shows an error."`
	LastFailure     *ConnectionFailure `json:"lastFailure,omitempty" doc:"Why the present push waits."`
	Marker          string             `json:"marker" doc:"The marker by which the plugin finds its issue in the tracker."`
}

// ConnectionEvent is one line of a timeline.
type ConnectionEvent struct {
	At         time.Time  `json:"at"`
	What       string     `json:"what" doc:"What happened: push, begin, opened, failed, settled, verified, unlink, ..."`
	State      string     `json:"state" enum:"initial,progress,connected,error" doc:"What the button showed from then on."`
	Generation int64      `json:"generation" doc:"Counts the clicks that changed something."`
	Run        int64      `json:"run" doc:"Rises whenever another worker takes over."`
	Step       string     `json:"step,omitempty" doc:"The step: open, settle, verify or cleanup."`
	TookMs     int64      `json:"tookMs,omitempty" doc:"How long the step took, in milliseconds."`
	Outcome    string     `json:"outcome,omitempty" doc:"How the step ended: ok, or the kind of failure."`
	Side       fault.Side `json:"side,omitempty" enum:"plugin,productboard,tracker" doc:"Who has to act. plugin is this deployment."`
	Reference  string     `json:"reference,omitempty" doc:"That side's own id: the tracker's request id, Productboard's error id."`
	Note       string     `json:"note,omitempty"`
}

// ConnectionDetail is a button with its timeline.
type ConnectionDetail struct {
	Connection
	Timeline []ConnectionEvent `json:"timeline" doc:"The latest events, oldest first; kept for 7 days, or while the button shows an error."`
}

// ConnectionLink names the issue that a button shall show.
type ConnectionLink struct {
	Issue string `json:"issue" min:"1" max:"2000" doc:"The issue's key, or its page's address."`
}

// ConnectionRefreshed is the result of a reading of a button's issue.
type ConnectionRefreshed struct {
	Connection Connection `json:"connection" doc:"The button afterwards."`
	Verdict    string     `json:"verdict" enum:"present,moved,trashed,gone,hidden" doc:"What became of the issue. gone: the tracker deleted it. hidden: the integration's account does not see it."`
	Message    string     `json:"message" doc:"The same in a sentence, with what the button shows."`
	Changed    bool       `json:"changed" doc:"Whether the button shows something else now."`
}

// ConnectionRetry says what is to be pushed again.
type ConnectionRetry struct {
	ConnectionFilter
	Cursor string `json:"cursor,omitempty" max:"1024" doc:"Where to go on: next of the previous answer."`
	Limit  int    `json:"limit,omitempty" min:"1" max:"200" default:"50" doc:"The most pushes of one call."`
}

// ConnectionSkipped is an integration that takes no pushes at the moment.
type ConnectionSkipped struct {
	Integration string     `json:"integration"`
	Name        string     `json:"name"`
	Kind        string     `json:"kind"`
	Side        fault.Side `json:"side,omitempty" enum:"plugin,productboard,tracker" doc:"Who has to act. plugin is this deployment."`
	Reason      string     `json:"reason"`
}

// ConnectionsRetried is the result of a retry of several pushes.
type ConnectionsRetried struct {
	Retried int                 `json:"retried" doc:"How many were pushed again."`
	Skipped []ConnectionSkipped `json:"skipped" doc:"Integrations that were skipped, since a click would be rejected as well."`
	Next    string              `json:"next,omitempty" doc:"The cursor of the next call; absent if nothing remains."`
}

func wireConnection(p pushes.Push) Connection {
	out := Connection{Integration: p.Key.Integration, IntegrationName: p.Integration, Entity: p.Key.Entity, State: string(p.State), ToDo: string(p.Step),
		ClickedAt: p.Clicked, ChangedAt: p.Changed, Attempts: p.Attempts, Failure: wireFailure(p.Failure), LastFailure: wireFailure(p.LastFailure), Marker: string(p.Marker)}
	if p.By != (connections.Person{}) {
		out.ClickedBy = &ConnectionPerson{Name: p.By.Name, Email: p.By.Email}
	}
	if i := p.Issue; i != nil {
		out.Issue = &ConnectionIssue{ID: i.ID, Key: i.Key, URL: i.URL, Title: i.Title, Status: i.Status}
	}
	return out
}

func wireRefreshed(r pushes.RefreshResult) ConnectionRefreshed {
	return ConnectionRefreshed{Connection: wireConnection(r.Push), Verdict: r.Verdict, Message: r.Message, Changed: r.Changed}
}

// Result is the refresh as the services have it, for clients.
func (r ConnectionRefreshed) Result(tenant string) pushes.RefreshResult {
	return pushes.RefreshResult{Push: r.Connection.Push(tenant), Verdict: r.Verdict, Message: r.Message, Changed: r.Changed}
}

func wireFailure(f *connections.Failure) *ConnectionFailure {
	if f == nil {
		return nil
	}
	return &ConnectionFailure{Kind: f.Kind, Message: f.Message, Side: f.Side, Reference: f.Ref}
}

func wireDetail(d pushes.Detail) ConnectionDetail {
	out := ConnectionDetail{Connection: wireConnection(d.Push), Timeline: []ConnectionEvent{}}
	for _, e := range d.Timeline {
		out.Timeline = append(out.Timeline, ConnectionEvent{At: connections.Millis(e.At), What: e.What, State: string(e.State), Generation: e.Generation, Run: e.Run,
			Step: string(e.Step), TookMs: e.Took.Milliseconds(), Outcome: e.Outcome, Side: e.Side, Reference: e.Ref, Note: e.Note})
	}
	return out
}

func wireRetried(r pushes.RetryResult) ConnectionsRetried {
	out := ConnectionsRetried{Retried: r.Retried, Skipped: []ConnectionSkipped{}, Next: r.Next}
	for _, s := range r.Skipped {
		e := fault.From(s.Err)
		out.Skipped = append(out.Skipped, ConnectionSkipped{Integration: s.Integration, Name: s.Name, Kind: e.Kind.String(), Side: e.Side, Reason: e.Public})
	}
	return out
}

// Push is the connection as the services have it, for clients.
func (c Connection) Push(tenant string) pushes.Push {
	out := pushes.Push{Key: connections.Key{Tenant: tenant, Integration: c.Integration, Entity: c.Entity}, Integration: c.IntegrationName,
		State: connections.State(c.State), Step: connections.Step(c.ToDo), Clicked: c.ClickedAt, Changed: c.ChangedAt, Attempts: c.Attempts,
		Failure: c.Failure.failure(), LastFailure: c.LastFailure.failure(), Marker: targets.Marker(c.Marker)}
	if c.ClickedBy != nil {
		out.By = connections.Person{Name: c.ClickedBy.Name, Email: c.ClickedBy.Email}
	}
	if i := c.Issue; i != nil {
		out.Issue = &targets.Issue{ID: i.ID, Key: i.Key, URL: i.URL, Title: i.Title, Status: i.Status}
	}
	return out
}

func (f *ConnectionFailure) failure() *connections.Failure {
	if f == nil {
		return nil
	}
	return &connections.Failure{Kind: f.Kind, Message: f.Message, Side: f.Side, Ref: f.Reference}
}

// Detail is the connection with its timeline as the services have it.
func (c ConnectionDetail) Detail(tenant string) pushes.Detail {
	out := pushes.Detail{Push: c.Push(tenant)}
	for _, e := range c.Timeline {
		out.Timeline = append(out.Timeline, connections.Event{At: e.At.UnixMilli(), What: e.What, State: connections.State(e.State), Generation: e.Generation, Run: e.Run,
			Step: connections.Step(e.Step), Took: time.Duration(e.TookMs) * time.Millisecond, Outcome: e.Outcome, Side: e.Side, Ref: e.Reference, Note: e.Note})
	}
	return out
}

// Report is what was retried as the services have it.
func (r ConnectionsRetried) Report() pushes.RetryResult {
	out := pushes.RetryResult{Retried: r.Retried, Next: r.Next}
	for _, s := range r.Skipped {
		kind := fault.Internal
		for _, k := range fault.Kinds() {
			if k.String() == s.Kind {
				kind = k
			}
		}
		out.Skipped = append(out.Skipped, pushes.Skipped{Integration: s.Integration, Name: s.Name,
			Err: &fault.Error{Op: "retry", Kind: kind, Side: s.Side, Public: s.Reason}})
	}
	return out
}
