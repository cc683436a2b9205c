package pbapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
)

// rateWindow is the length of the window that Productboard's limit of 50
// requests counts in: it is how long to wait where a reply does not say.
const rateWindow = time.Second

// request is one operation, with what an error text must know about it.
type request struct {
	op     string // in a few words, for the log
	method string
	path   string // below the base, every variable segment escaped
	query  url.Values
	body   any // encoded as JSON; nil for none
	// reads is set where sending the request twice cannot change anything.
	reads bool
	// scope is the permission that the operation needs.
	scope string
	// thing is what a 404 says is missing, with its article.
	thing string
	// bound is how much the reply may be; outbound.One if zero.
	bound outbound.Bound
	// secrets are what the body holds and no error may repeat.
	secrets []secret.String
}

// result is a reply's body, which knows whether what must be there is there.
type result interface{ complete() error }

// do sends a request and decodes the reply into out, unless that is nil. A
// token that is refused is renewed once: it may have been revoked early, and
// a request that was refused with 401 was not carried out.
func (s *Session) do(ctx context.Context, r request, out result) error {
	token, err := s.token(ctx, r)
	if err != nil {
		return err
	}
	err = s.send(ctx, r, token, out)
	renewer, ok := s.tokens.(Renewer)
	if err == nil || !ok || !renewer.Renewable() || fault.KindOf(err) != fault.Unauthorized {
		return err
	}
	if token, err = renewer.Renew(ctx, token); err != nil {
		return ownFault(r, err)
	}
	return s.send(ctx, r, token, out)
}

func (s *Session) send(ctx context.Context, r request, token secret.String, out result) error {
	call, err := s.call(r, token, out)
	if err != nil {
		return ownFault(r, err)
	}
	key := token.Fingerprint()
	if err := s.client.limiter.Wait(ctx, key); err != nil {
		return ownFault(r, err)
	}
	reply, err := s.client.http.Send(ctx, call)
	if err == nil {
		s.spent(ctx, key, reply)
		return nil
	}
	ferr := fault.From(err)
	if ferr.Kind == fault.RateLimited {
		s.limited(ctx, key, ferr, reply)
	}
	explain(ferr, r)
	return ferr
}

// token returns a token that can be sent as it is.
func (s *Session) token(ctx context.Context, r request) (secret.String, error) {
	token, err := s.tokens.Token(ctx)
	if err != nil {
		return secret.String{}, ownFault(r, err)
	}
	var public string
	switch {
	case token.Empty():
		public = "No access token for Productboard is set. An admin must add one to this integration's settings."
	case strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }):
		public = "The access token for Productboard holds a space, a line break or another character that no token has. An admin must correct it in this integration's settings."
	default:
		return token, nil
	}
	return secret.String{}, &fault.Error{Op: r.op, Kind: fault.Unauthorized, Side: fault.SidePlugin, Public: public}
}

func (s *Session) call(r request, token secret.String, out result) (outbound.Call, error) {
	call := outbound.Call{Op: r.op, Method: r.method, URL: s.client.base + r.path, Header: http.Header{}}
	if len(r.query) > 0 {
		call.URL += "?" + r.query.Encode()
	}
	call.Header.Set("Accept", "application/json")
	call.Header.Set("Authorization", "Bearer "+token.Reveal())
	if r.body != nil {
		body, err := json.Marshal(r.body)
		if err != nil {
			return outbound.Call{}, errors.New("the request cannot be encoded")
		}
		call.Body = body
		call.Header.Set("Content-Type", "application/json")
	}
	r.secrets = append(r.secrets, token)
	if call.Bound = r.bound; call.Bound == (outbound.Bound{}) {
		call.Bound = outbound.One()
	}
	call.Refine = func(reply outbound.Reply, verdict *fault.Error) *fault.Error {
		if verdict != nil {
			return refine(reply, verdict, r.secrets)
		}
		return decode(reply, out)
	}
	return call, nil
}

// decode reads the body of a success. One that cannot be read is not
// Productboard's: a maintenance page, a proxy, or a wrong base address.
func decode(reply outbound.Reply, out result) *fault.Error {
	if out == nil {
		return nil
	}
	err := json.Unmarshal(reply.Body, out)
	if err == nil {
		err = out.complete()
	}
	if err == nil {
		return nil
	}
	return &fault.Error{Kind: fault.Unavailable, Unsure: true,
		Public: "Productboard's answer could not be understood. If this does not pass, an admin should check the Productboard address in the plugin's configuration.",
		Err:    fmt.Errorf("status %d with %d bytes that are not the documented reply: %w", reply.Status, len(reply.Body), err)}
}

// limited notes a 429 for every process that uses the token.
func (s *Session) limited(ctx context.Context, key string, ferr *fault.Error, reply outbound.Reply) {
	if ferr.RetryAfter <= 0 {
		ferr.RetryAfter = rateWindow
	}
	h := reply.Header
	ferr.Err = fmt.Errorf("%w (limit %d, remaining %d)", ferr.Err, number(h, "X-RateLimit-Limit"), number(h, "X-RateLimit-Remaining"))
	if err := s.client.limiter.Limited(ctx, key, ferr.RetryAfter); err != nil {
		// As text: that the limiter failed must not change what this is.
		ferr.Err = fmt.Errorf("%w; the other processes could not be told: %s", ferr.Err, err.Error())
	}
}

// spent holds everyone back for the rest of a window of which nothing is
// left. A limiter that cannot be told costs a 429 at worst, so the success
// stays one.
func (s *Session) spent(ctx context.Context, key string, reply outbound.Reply) {
	if number(reply.Header, "X-RateLimit-Remaining") == 0 {
		_ = s.client.limiter.Limited(ctx, key, rateWindow)
	}
}

// number reads a header that counts something; -1 where there is none.
func number(h http.Header, name string) int {
	n, err := strconv.Atoi(h.Get(name))
	if err != nil || n < 0 {
		return -1
	}
	return n
}
