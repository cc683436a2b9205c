package main

import (
	"context"
	"net/http"
	"time"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/proof/e2e/fixture"
)

// mishap is one way in which a push goes wrong.
type mishap struct {
	// id names its item, and its integration and project if it has its own.
	id string
	// own: the trouble is not with one item alone.
	own     bool
	happens string // for docs/errors.md
	// says are parts of the message; none means that the push recovers by
	// itself. mends is who has to act, for docs/errors.md.
	says  []string
	mends string
	// issues is how many there must be afterwards.
	issues int
	// begin makes the trouble, after the integration was declared and before
	// the click; meanwhile, if set, runs after the click.
	begin     func(context.Context, *faulty, *victim) error
	meanwhile func(context.Context, *faulty, *victim) error
}

// Who has to act.
const (
	pluginAdmin  = "the plugin's admin"
	redmineAdmin = "a Redmine admin"
	redmineOps   = "who runs Redmine"
	productboard = "Productboard"
	pbUser       = "whoever pushed"
	nobody       = "nobody"
)

// briefly is how long a server is away that comes back.
const briefly = 6 * time.Second

// trackerMishaps are those on Redmine's side.
func trackerMishaps() []mishap {
	create := func(times int64, do trouble) func(context.Context, *faulty, *victim) error {
		return func(_ context.Context, f *faulty, v *victim) error {
			f.shared = append(f.shared, creating(v.name, times, do))
			return nil
		}
	}
	way := func(t trouble) func(context.Context, *faulty, *victim) error {
		return func(_ context.Context, f *faulty, v *victim) error { f.proxy.on(v.id, t); return nil }
	}
	return []mishap{
		{id: "key-revoked", own: true, happens: "Redmine's API key is wrong or was revoked",
			says: []string{"Redmine refused the API key", "admin"}, mends: pluginAdmin, begin: way(otherKey), meanwhile: giveUp},
		{id: "project-deleted", own: true, happens: "the Redmine project was deleted",
			says: []string{`Redmine has no project "project-deleted"`, "settings.project"}, mends: pluginAdmin, begin: deleteProject},
		{id: "project-closed", own: true, happens: "the Redmine project was closed",
			says: []string{"Redmine project", "is closed"}, mends: redmineAdmin, begin: func(ctx context.Context, f *faulty, v *victim) error {
				return f.redmine.Call(ctx, http.MethodPut, "/projects/"+v.id+"/close.json", nil, nil)
			}},
		{id: "field-required", own: true, happens: "a custom field became required in Redmine",
			says: []string{`Redmine: field "Cost centre" is required in project "field-required"`, "settings.fields"}, mends: pluginAdmin, begin: func(ctx context.Context, f *faulty, v *victim) error {
				return f.require(ctx, v.id)
			}},
		{id: "marker-field-gone", own: true, happens: "the custom field for the marker was renamed or deleted in Redmine",
			says: []string{`Redmine has no issue field "Productboard ID"`}, mends: redmineAdmin, begin: way(renamed("Productboard ID", "Something else"))},
		{id: "redmine-down", own: true, happens: "Redmine is down (connections are refused)",
			says: []string{"Redmine cannot be reached"}, mends: redmineOps, begin: func(_ context.Context, f *faulty, v *victim) error {
				return f.alone[v.id].close()
			}},
		{id: "redmine-restarts", own: true, happens: "Redmine is down for some seconds", mends: nobody, issues: 1,
			begin: func(_ context.Context, f *faulty, v *victim) error { return f.alone[v.id].close() }, meanwhile: restart},
		{id: "redmine-slow", happens: "Redmine never answers a create",
			says: []string{"Redmine did not answer in time"}, mends: redmineOps, begin: create(0, silent)},
		{id: "redmine-500", happens: "Redmine answers 500 to every create",
			says: []string{"Redmine cannot be reached or is not working"}, mends: redmineOps, begin: create(0, answer(http.StatusInternalServerError, ""))},
		{id: "redmine-413", happens: "a proxy before Redmine takes no request of the item's size, however much of the text is cut",
			says: []string{"takes no request of this size"}, mends: redmineOps, begin: create(0, answer(http.StatusRequestEntityTooLarge, ""))},
		{id: "firewall", happens: "a firewall before Redmine answers every create with 403 and a web page",
			says: []string{"Something in front of Redmine answered (HTTP 403, a web page)"}, mends: redmineOps, begin: create(0, page(http.StatusForbidden))},
		{id: "outage-page", happens: "an outage page stands before Redmine (HTTP 502), twice", mends: nobody, issues: 1,
			begin: create(2, page(http.StatusBadGateway))},
		{id: "rest-off", own: true, happens: "the REST API was switched off in Redmine",
			says: []string{"REST", "Administration > Settings > API"}, mends: redmineAdmin, begin: way(answer(http.StatusForbidden, ""))},
		// Of its own: everybody who pushes there waits.
		{id: "limited-long", own: true, happens: "a proxy before Redmine answers 429 and asks to wait for an hour",
			says: []string{"Redmine receives too many requests", "60 minutes"}, mends: redmineOps, begin: func(_ context.Context, f *faulty, v *victim) error {
				f.proxy.on(v.id, creating(v.name, 0, answer(http.StatusTooManyRequests, "3600")))
				return nil
			}},
		{id: "redmine-429", happens: "a proxy before Redmine answers 429 and asks to wait for a second, twice", mends: nobody, issues: 1,
			begin: create(2, answer(http.StatusTooManyRequests, "1"))},
		{id: "redmine-503", happens: "Redmine answers 503 and asks to wait for two seconds, twice", mends: nobody, issues: 1,
			begin: create(2, answer(http.StatusServiceUnavailable, "2"))},
		{id: "created-and-cut", happens: "the connection breaks after Redmine created the issue", mends: nobody, issues: 1,
			begin: create(1, after(cut))},
		{id: "created-and-silent", happens: "Redmine created the issue, but does not answer in time", mends: nobody, issues: 1,
			begin: create(1, after(silent))},
		{id: "created-and-500", happens: "Redmine created the issue and answers 500", mends: nobody, issues: 1,
			begin: create(1, after(answer(http.StatusInternalServerError, "")))},
	}
}

// productboardMishaps are those on Productboard's side.
func productboardMishaps() []mishap {
	fault := func(fault fixture.Fault) func(context.Context, *faulty, *victim) error {
		return func(ctx context.Context, f *faulty, v *victim) error {
			own := fault
			own.EntityID = v.entity
			if own.Class != pbfake.ClassEntityRead { // reads name no integration
				own.IntegrationID = v.integration
			}
			return f.sandbox.SetFault(ctx, own)
		}
	}
	const read, put, click = pbfake.ClassEntityRead, pbfake.ClassConnectionPut, pbfake.ClassCallback
	const slow = 25 * time.Second / time.Millisecond
	return []mishap{
		{id: "item-deleted", happens: "the item was deleted in Productboard, or is hidden from the token's owner",
			says: []string{"Productboard does not have this item"}, mends: pbUser, begin: fault(fixture.Fault{Class: read, Kind: pbfake.FaultStatus, Status: 404})},
		{id: "token-revoked", own: true, happens: "Productboard's token was revoked and is then renewed; until then only the person who clicks gets an answer",
			mends: pluginAdmin, issues: 1, begin: func(ctx context.Context, f *faulty, _ *victim) error {
				return f.sandbox.RevokeToken(ctx, revocable)
			}, meanwhile: renewToken},
		{id: "productboard-500", happens: "Productboard answers 500 to every read of the item",
			says: []string{"Productboard cannot be reached"}, mends: productboard, begin: fault(fixture.Fault{Class: read, Kind: pbfake.FaultStatus, Status: 500})},
		{id: "productboard-slow", happens: "Productboard never answers in time",
			says: []string{"Productboard did not answer in time"}, mends: productboard, begin: fault(fixture.Fault{Class: read, Kind: pbfake.FaultDelay, DelayMS: int64(slow)})},
		{id: "productboard-slow-once", happens: "Productboard does not answer in time, once", mends: nobody, issues: 1,
			begin: fault(fixture.Fault{Class: read, Kind: pbfake.FaultDelay, DelayMS: int64(slow), Count: 1})},
		{id: "productboard-429", happens: "Productboard answers 429, twice", mends: nobody, issues: 1,
			begin: fault(fixture.Fault{Class: read, Kind: pbfake.FaultStatus, Status: 429, RetryAfterMS: 1000, Count: 2})},
		{id: "productboard-502", happens: "Productboard answers 502, twice", mends: nobody, issues: 1,
			begin: fault(fixture.Fault{Class: read, Kind: pbfake.FaultStatus, Status: 502, Count: 2})},
		{id: "productboard-drops", happens: "the connection to Productboard breaks, twice", mends: nobody, issues: 1,
			begin: fault(fixture.Fault{Class: read, Kind: pbfake.FaultDropBefore, Count: 2})},
		{id: "button-500", happens: "Productboard answers 500 when it is told of the issue, three times", mends: nobody, issues: 1,
			begin: fault(fixture.Fault{Class: put, Kind: pbfake.FaultStatus, Status: 500, Count: 3})},
		{id: "button-429", happens: "Productboard answers 429 when it is told of the issue, twice", mends: nobody, issues: 1,
			begin: fault(fixture.Fault{Class: put, Kind: pbfake.FaultStatus, Status: 429, RetryAfterMS: 1000, Count: 2})},
		{id: "button-told-and-cut", happens: "the connection breaks after Productboard was told of the issue", mends: nobody, issues: 1,
			begin: fault(fixture.Fault{Class: put, Kind: pbfake.FaultDropAfter, Count: 1})},
		{id: "button-lost", happens: "Productboard confirms the new state of the button and loses it", mends: nobody, issues: 1,
			begin: fault(fixture.Fault{Class: put, Kind: pbfake.FaultLost, Count: 1})},
		{id: "answer-late", happens: "Productboard processes the answer to the click late, over the new state", mends: nobody, issues: 1,
			begin: fault(fixture.Fault{Class: click, Kind: pbfake.FaultLateAnswer, DelayMS: 4000, Count: 1})},
	}
}
