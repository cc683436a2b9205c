package wire_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

func TestJSONCall(t *testing.T) {
	t.Parallel()
	read, err := wire.JSONCall("read", http.MethodGet, "https://example.com/1", nil, nil)
	require.NoError(t, err)
	require.Equal(t, outbound.Call{Op: "read", Method: "GET", URL: "https://example.com/1", Header: http.Header{"Accept": {"application/json"}}}, read)
	write, err := wire.JSONCall("write", http.MethodPost, "https://example.com/1", map[string]int{"a": 1}, nil)
	require.NoError(t, err)
	require.Equal(t, `{"a":1}`, string(write.Body))
	require.Equal(t, "application/json", write.Header.Get("Content-Type"))
	_, err = wire.JSONCall("write", http.MethodPost, "https://example.com/1", func() {}, nil)
	require.Equal(t, fault.Internal, fault.KindOf(err))
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err), "nothing was sent")
}

// A read never leaves a create in doubt, and a write that was answered in
// words nobody understands always does.
func TestJSONReplies(t *testing.T) {
	t.Parallel()
	stranger := func(op string, err error) *fault.Error { return wire.Stranger(op, "Acme", "settings.url", err) }
	lost := &fault.Error{Kind: fault.Unavailable, Unsure: true, Err: errors.New("cut")}
	for name, c := range map[string]struct {
		body        string
		err         error
		nowhere     bool
		read, write targets.Outcome
	}{
		"fits":                 {body: `{"A":1}`, read: targets.OutcomeDone, write: targets.OutcomeDone},
		"nobody wants to know": {body: "OK", nowhere: true, read: targets.OutcomeDone, write: targets.OutcomeDone},
		"not JSON":             {body: "<html>", read: targets.OutcomeNotDone, write: targets.OutcomeUnknown},
		"another type":         {body: `{"A":"1"}`, read: targets.OutcomeNotDone, write: targets.OutcomeUnknown},
		"nothing":              {read: targets.OutcomeNotDone, write: targets.OutcomeUnknown},
		"lost":                 {err: lost, read: targets.OutcomeNotDone, write: targets.OutcomeUnknown},
		"refused":              {err: fault.New(fault.Forbidden, "x", "No."), read: targets.OutcomeNotDone, write: targets.OutcomeNotDone},
	} {
		t.Run(name, func(t *testing.T) {
			var out any
			if !c.nowhere {
				out = &struct{ A int }{}
			}
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(c.body)) }))
			defer srv.Close()
			client := outbound.New(&outbound.Options{Unguarded: true})
			defer client.Close()
			call, err := wire.JSONCall("op", http.MethodGet, srv.URL, nil, out)
			require.NoError(t, err)
			reply, sent := client.Send(t.Context(), call)
			if c.err != nil {
				sent = c.err
			}
			err = wire.EndRead("op", sent, stranger)
			require.Equal(t, c.read, targets.OutcomeOf(err), "read: %v", err)
			if c.read == targets.OutcomeNotDone && c.err == nil {
				require.Equal(t, "The address does not answer as Acme does. Ask your admin to check settings.url.", fault.From(err).Public)
			}
			err = wire.EndWrite("op", reply, sent, out)
			require.Equal(t, c.write, targets.OutcomeOf(err), "write: %v", err)
		})
	}
}
