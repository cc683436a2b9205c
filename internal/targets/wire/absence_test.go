package wire_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

func TestAbsenceChecksThePlace(t *testing.T) {
	t.Parallel()
	notFound := &fault.Error{Kind: fault.NotFound}
	for name, c := range map[string]struct {
		err   error
		own   bool
		place error
		want  targets.Verdict
	}{
		"own words, place read":  {notFound, true, nil, targets.VerdictGone},
		"not the tracker's word": {notFound, false, nil, targets.VerdictIntermediary},
		"place lost":             {notFound, true, notFound, targets.VerdictHidden},
		"place denied":           {notFound, true, &fault.Error{Kind: fault.Forbidden}, targets.VerdictHidden},
		"credential refused":     {notFound, true, &fault.Error{Kind: fault.Unauthorized}, targets.VerdictCredentialRefused},
		"proxy before the place": {notFound, true, &fault.Error{Kind: fault.Intermediary}, targets.VerdictIntermediary},
		"place in time-out":      {notFound, true, &fault.Error{Kind: fault.Timeout, Unsure: true}, targets.VerdictUndecided},
		"another failure":        {&fault.Error{Kind: fault.RateLimited}, true, nil, targets.VerdictUndecided},
	} {
		t.Run(name, func(t *testing.T) {
			err := wire.Absence{Op: "read issue", Tracker: "Acme", Issue: "issue #7", Account: "the token's account", Own: c.own,
				CheckPlace: func(context.Context) error { return c.place }}.Explain(t.Context(), c.err)
			require.Error(t, err)
			require.Equal(t, c.want, targets.VerdictOf(targets.Issue{}, err), err)
		})
	}
	require.NoError(t, wire.Absence{}.Explain(t.Context(), nil))
}

func TestForeign(t *testing.T) {
	t.Parallel()
	page := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	for name, c := range map[string]struct {
		reply   outbound.Reply
		own     bool
		foreign bool
	}{
		"403 page":       {outbound.Reply{Status: 403, Header: page, Body: []byte("Blocked")}, false, true},
		"404 page":       {outbound.Reply{Status: 404, Body: []byte(" <html>")}, false, true},
		"502 page":       {outbound.Reply{Status: 502, Body: []byte("<html>")}, false, true},
		"other JSON":     {outbound.Reply{Status: 404, Body: []byte(`{"message":"no Route matched"}`)}, false, true},
		"own words":      {outbound.Reply{Status: 404, Body: []byte(`{"errors":["no such issue"]}`)}, true, false},
		"empty":          {outbound.Reply{Status: 404, Body: []byte(" \n")}, false, false},
		"a login page":   {outbound.Reply{Status: 401, Header: page, Body: []byte("<html>")}, false, false},
		"a bad request":  {outbound.Reply{Status: 400, Header: page, Body: []byte("<html>")}, false, false},
		"a rate limit":   {outbound.Reply{Status: 429, Header: page, Body: []byte("<html>")}, false, false},
		"a success page": {outbound.Reply{Status: 200, Header: page, Body: []byte("<html>")}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := wire.Foreign("Acme", c.reply, c.own)
			require.Equal(t, c.foreign, e != nil)
			if e != nil {
				require.Equal(t, fault.Intermediary, e.Kind)
				require.True(t, e.Unsure, "the reply to a request that was carried out may have been dropped")
			}
		})
	}
	e := wire.Foreign("Acme", outbound.Reply{Status: 503, Header: http.Header{"Retry-After": {"7"}}, Body: []byte("<html>")}, false)
	require.NotNil(t, e)
	require.InDelta(t, 7, e.RetryAfter.Seconds(), 0.1)
}
