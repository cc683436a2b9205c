package outbound

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"pushbutton/internal/secret"
)

// maxProxyReply bounds a proxy's reply to CONNECT, in bytes.
const maxProxyReply = 16 << 10

// Proxy is an HTTP proxy that tunnels https connections (CONNECT, RFC 9110,
// section 9.3.6).
type Proxy struct {
	host, port string
	secure     bool // the proxy itself is reached by TLS
	auth       secret.String
}

// ParseProxy reads "http://host:port" or "https://host:port", with a user
// name and password if the proxy wants them. Its errors repeat none of it.
func ParseProxy(raw secret.String) (*Proxy, error) {
	u, err := url.Parse(raw.Reveal())
	switch {
	case err != nil:
		return nil, errors.New("is not a URL (a password with special characters must be percent-encoded)")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("must start with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("names no host")
	case (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("must end with the host and port")
	}
	p := &Proxy{host: u.Hostname(), port: u.Port(), secure: u.Scheme == "https"}
	if p.port == "" {
		p.port = map[bool]string{false: "80", true: "443"}[p.secure]
	}
	if u.User != nil {
		password, _ := u.User.Password()
		p.auth = secret.New("Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
	}
	return p, nil
}

// proxyError is a failure of the operator's proxy.
type proxyError struct {
	status int // 0: it did not answer
	err    error
}

func (e *proxyError) Error() string { return "egress proxy: " + e.err.Error() }
func (e *proxyError) Unwrap() error { return e.err }

// connect opens a tunnel to target ("host:port").
func (p *Proxy) connect(ctx context.Context, dial dialFunc, config *tls.Config, target string) (net.Conn, error) {
	conn, err := dial(ctx, "tcp", net.JoinHostPort(p.host, p.port))
	if err != nil {
		return nil, &proxyError{err: err}
	}
	conn, err = p.tunnel(ctx, conn, config, target)
	if err != nil {
		if _, ok := errors.AsType[*proxyError](err); !ok {
			err = &proxyError{err: err}
		}
		return nil, err
	}
	return conn, nil
}

// tunnel asks for the tunnel on a new connection, which it closes if it gets
// none.
func (p *Proxy) tunnel(ctx context.Context, conn net.Conn, config *tls.Config, target string) (_ net.Conn, err error) {
	raw := conn
	defer func() {
		if err != nil {
			_ = raw.Close()
		}
	}()
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() && err == nil {
			err = context.Cause(ctx) // the deadline may stand already
		}
	}()
	if p.secure {
		config = config.Clone()
		config.ServerName = p.host
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		conn = secured
	}
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{"User-Agent": {""}}}
	if !p.auth.Empty() {
		req.Header.Set("Proxy-Authorization", p.auth.Reveal())
	}
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(io.LimitReader(conn, maxProxyReply))
	resp, err := http.ReadResponse(reader, req)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close() // of a refusal; a tunnel has none
	if resp.StatusCode != http.StatusOK {
		return nil, &proxyError{status: resp.StatusCode, err: fmt.Errorf("HTTP status %d", resp.StatusCode)}
	}
	if reader.Buffered() > 0 {
		return nil, errors.New("it sent more than the answer")
	}
	return conn, nil
}
