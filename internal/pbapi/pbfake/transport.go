package pbfake

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// EdgeTransport is the same way to plugins for a simulated tracker: a public origin is
// reached through its edge ([Fake.SetEdge]), and any other address must be on this machine.
func (f *Fake) EdgeTransport() http.RoundTripper { return edgeTransport{f.edge} }

type edgeTransport struct{ edge *edge }

// RoundTrip implements http.RoundTripper.
func (t edgeTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	key, err := originOf(req.URL.String())
	if err != nil {
		return nil, err
	}
	if !t.edge.knows(key) {
		if ip := net.ParseIP(req.URL.Hostname()); req.URL.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, fmt.Errorf("%s is not reachable: no edge is set for it", key)
		}
		return t.edge.client.Transport.RoundTrip(req)
	}
	var body []byte
	if req.Body != nil {
		defer func() { _ = req.Body.Close() }()
		if body, err = io.ReadAll(io.LimitReader(req.Body, maxAnswer+1)); err != nil {
			return nil, err
		}
		if len(body) > maxAnswer {
			return nil, errors.New("the request is larger than " + strconv.Itoa(maxAnswer) + " bytes")
		}
	}
	got, err := t.edge.send(req, body)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: got.status, Status: strconv.Itoa(got.status) + " " + http.StatusText(got.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: got.header, Body: io.NopCloser(bytes.NewReader(got.body)), ContentLength: int64(len(got.body)), Request: req,
	}, nil
}

// knows reports whether backends are set for an origin.
func (e *edge) knows(key string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.origins[key] != nil
}
