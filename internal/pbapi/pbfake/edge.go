package pbfake

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxAnswer bounds what is read of a plugin's reply, in bytes.
const maxAnswer = 1 << 20

// edge stands for the load balancer in front of a plugin: it terminates TLS
// for the public origin and passes requests on to local backends.
type edge struct {
	mu      sync.Mutex
	origins map[string]*origin
	client  *http.Client
}

type origin struct {
	backends []*url.URL
	turn     int
}

func newEdge() *edge {
	return &edge{
		origins: map[string]*origin{},
		client: &http.Client{
			Transport: &http.Transport{
				DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
				MaxIdleConnsPerHost: 64,
				IdleConnTimeout:     30 * time.Second,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (e *edge) close() { e.client.CloseIdleConnections() }

func (e *edge) set(public string, backends []string) error {
	key, err := originOf(public)
	if err != nil {
		return fmt.Errorf("edge origin: %w", err)
	}
	if !strings.HasPrefix(key, "https://") {
		return errors.New("edge origin: must be https")
	}
	o := &origin{}
	for _, b := range backends {
		u, err := url.Parse(b)
		if err != nil || u.Scheme != "http" || u.Host == "" || (u.Path != "" && u.Path != "/") {
			return fmt.Errorf("edge backend %q: must be http://host:port", b)
		}
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return fmt.Errorf("edge backend %q: must be on this machine", b)
		}
		o.backends = append(o.backends, u)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(o.backends) == 0 {
		delete(e.origins, key)
		return nil
	}
	e.origins[key] = o
	return nil
}

// originOf returns scheme and host, lower case, without a default port.
func originOf(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return "", fmt.Errorf("%q is not an absolute URL", s)
	}
	host := strings.ToLower(u.Host)
	return u.Scheme + "://" + strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[u.Scheme]), nil
}

// turn returns the backends of an origin, beginning with the one whose turn it
// is.
func (e *edge) turn(key string) []*url.URL {
	e.mu.Lock()
	defer e.mu.Unlock()
	o := e.origins[key]
	if o == nil {
		return nil
	}
	first := o.turn % len(o.backends)
	o.turn++
	return append(append([]*url.URL{}, o.backends[first:]...), o.backends[:first]...)
}

// edgeReply is the reply that came through the edge.
type edgeReply struct {
	status int
	header http.Header
	body   []byte
}

// send passes a request for a public address on. It tries another backend
// only where the first certainly did nothing: it refused the connection, or
// said 503. The last one's 503 is passed on; if none listens it is a 502.
func (e *edge) send(req *http.Request, body []byte) (edgeReply, error) {
	key, err := originOf(req.URL.String())
	if err != nil {
		return edgeReply{}, err
	}
	backends := e.turn(key)
	if len(backends) == 0 {
		return edgeReply{}, fmt.Errorf("%s is not reachable: no edge is set for it", key)
	}
	reply := edgeReply{status: http.StatusBadGateway, header: http.Header{"Content-Type": {"text/html"}}, body: []byte("<h1>502 Bad Gateway</h1>")}
	for _, backend := range backends {
		got, err := e.pass(req, body, backend)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			continue
		case err != nil:
			return edgeReply{}, err
		}
		reply = got
		if got.status != http.StatusServiceUnavailable {
			break
		}
	}
	return reply, nil
}

func (e *edge) pass(req *http.Request, body []byte, backend *url.URL) (edgeReply, error) {
	out := req.Clone(req.Context())
	out.Host = req.URL.Host
	out.URL.Scheme, out.URL.Host = backend.Scheme, backend.Host
	out.Header.Set("X-Forwarded-Proto", "https")
	out.Header.Set("X-Forwarded-Host", req.URL.Host)
	if body != nil {
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	resp, err := e.client.Do(out)
	if err != nil {
		if uerr, ok := errors.AsType[*url.Error](err); ok {
			err = uerr.Err // the backend's address is nobody's business
		}
		return edgeReply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(raw) > maxAnswer {
		err = fmt.Errorf("the reply is larger than %d bytes", maxAnswer)
	}
	return edgeReply{resp.StatusCode, resp.Header, raw}, err
}
