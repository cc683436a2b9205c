// Package client is the client of this plugin's own admin API, for the commands
// that work through a running plugin instead of its Redis. It returns the types
// of the services, so that a command cannot tell the two apart. Its errors are
// *fault.Error with a text that says what to do.
//
// What must not live here: what the operations do (they are the server's),
// the shape of bodies and problems (admin), flags and output (cmd/plugin).
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"pushbutton/internal/admin"
	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
)

const (
	// maxAnswer bounds an answer, in bytes. The largest is a page of 200
	// integrations with their settings.
	maxAnswer = 16 << 20
	// connectTimeout bounds connecting, and the TLS handshake after it.
	connectTimeout = 10 * time.Second
	// defaultLimit bounds a request as a whole. The server has limits of its
	// own and says when one is over. This one is for a server that hangs.
	defaultLimit = 30 * time.Second
)

// Options are what a Client can do without.
type Options struct {
	// Version is this program's, for the server's log.
	Version string
	// Wait, if set, waits in place of a timer while the server takes no more
	// requests of the token; an error ends the call.
	Wait func(ctx context.Context, d time.Duration) error
	// Transport carries the requests; nil: the system's authorities and proxy
	// settings.
	Transport http.RoundTripper
}

// Client speaks to one server. It is safe for concurrent use.
type Client struct {
	server string
	token  secret.String
	agent  string
	wait   func(ctx context.Context, d time.Duration) error
	http   *http.Client
}

// New makes a Client of the plugin at an address such as
// "https://push.example.com", with a path in front if it has one. Plain http is
// taken for this machine alone. token is the bearer token, and opts may be nil.
// Nothing is sent yet. The error is for people.
func New(server string, token secret.String, opts *Options) (*Client, error) {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	server, err := address(server)
	if err != nil {
		return nil, fmt.Errorf("the server's address %w", err)
	}
	if token.Empty() || strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the token is empty or is none: it has no blanks or line breaks (`plugin token` makes one)")
	}
	c := &Client{server: server, token: token, agent: "pushbutton/" + o.Version, wait: o.Wait, http: &http.Client{Transport: o.Transport,
		// The token goes to the server that was named and to nobody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if c.wait == nil {
		c.wait = wait
	}
	if o.Transport == nil {
		c.http.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSHandshakeTimeout: connectTimeout, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4}
	}
	return c, nil
}

// Close closes connections that are kept.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// address checks a server's address. What is wrong is not repeated: it may
// hold a password.
func address(raw string) (string, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("must be like https://push.example.com")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("must not hold a user, a query (?) or a fragment (#)")
	case u.Scheme == "http" && !local(u.Hostname()):
		return "", errors.New("must start with https://, since a token goes there (http:// only to this machine, such as http://127.0.0.1:8080)")
	}
	return strings.TrimSuffix(strings.TrimRight(u.String(), "/"), admin.Base), nil
}

func local(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// request is one call.
type request struct {
	// op is what is done, in a few words, for errors.
	op     string
	method string
	// path is below the API, escaped.
	path  string
	query url.Values
	body  any
	// create says that the request makes something, so it gets an
	// Idempotency-Key. With the key, Go's client sends the request again by
	// itself if a kept connection breaks, and the server carries it out once.
	create bool
	// limit bounds the call; 0 means defaultLimit.
	limit time.Duration
}

// do sends a request and reads the answer into out, which may be nil. While
// the server takes no more of the token's requests it waits.
func (c *Client) do(ctx context.Context, r request, out any) error {
	limit := r.limit
	if limit == 0 {
		limit = defaultLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := c.send(ctx, r, out)
		d := retryDelay(err)
		if d == 0 || c.wait(ctx, d) != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// retryDelay returns how long to wait if the API's own limits rejected a
// request, which is before anything was done; 0: they did not. A limit of
// Productboard or a tracker has a side.
func retryDelay(err error) time.Duration {
	const longest = 5 * time.Second
	p := Problem(err)
	if p == nil || p.Kind() != fault.RateLimited || p.Side != "" {
		return 0
	}
	if d := fault.From(err).RetryAfter; d <= longest {
		return max(d, time.Second)
	}
	return 0
}

// send sends a request once.
func (c *Client) send(ctx context.Context, r request, out any) error {
	req, err := c.make(ctx, r)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req) //nolint:gosec // the operator's own setting; credentials are not sent elsewhere
	if err != nil {
		return c.unreachable(r, err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return c.unreachable(r, err)
	case len(raw) > maxAnswer:
		return c.foreign(r, resp, fmt.Sprintf("its answer is larger than %d bytes", maxAnswer))
	case resp.StatusCode >= http.StatusMultipleChoices:
		return c.failure(r, resp, raw)
	case out == nil || len(raw) == 0 && resp.StatusCode == http.StatusNoContent:
		return nil
	}
	if media(resp) != "application/json" || json.Unmarshal(raw, out) != nil {
		return c.foreign(r, resp, "its answer cannot be read")
	}
	return nil
}

func (c *Client) make(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		raw, err := json.Marshal(r.body)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, r.op, err)
		}
		if len(raw) > admin.MaxBody {
			return nil, &Error{&fault.Error{Op: r.op, Kind: fault.Invalid, Public: fmt.Sprintf("This is %d bytes as a request, and the server takes %d. Split it.", len(raw), admin.MaxBody)}}
		}
		body = bytes.NewReader(raw)
	}
	target := c.server + admin.Base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, r.op, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	req.Header.Set("Accept", "application/json, application/problem+json")
	req.Header.Set("User-Agent", c.agent)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.create {
		req.Header.Set("Idempotency-Key", uuid.NewString())
	}
	return req, nil
}

func media(resp *http.Response) string {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}
