package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/pbauth"
)

const (
	// lock is short, so that a killed process does not hold up the round.
	lock = 1500 * time.Millisecond
	// tries and between tries bound how long a process tries to get through.
	tries = 60
	again = 200 * time.Millisecond
)

// setup is the input of a process at its start.
type setup struct {
	Redis, Productboard, Integration string
	// Refresh is the refresh token that a naive process begins with.
	Refresh string
}

// rooms are what a process needs of the plugin.
type rooms struct {
	rdb   *redis.Client
	keys  *secret.Keyring
	http  *outbound.Client
	store *tenants.Store
	auth  *pbauth.Auth
	pb    *pbapi.Client
}

func open(redisURL, productboard, agent string) (*rooms, error) {
	opts, err := redis.ParseURL(redisURL)
	if err != nil {
		return nil, err
	}
	keys, err := secret.NewKeyring([]secret.Key{{ID: "k1", Bytes: bytes.Repeat([]byte("k"), secret.KeySize)}})
	if err != nil {
		return nil, err
	}
	r := &rooms{rdb: redis.NewClient(opts), keys: keys, http: outbound.New(&outbound.Options{Unguarded: true, UserAgent: agent})}
	r.store = tenants.NewStore(r.rdb, keys)
	r.auth = pbauth.New(r.rdb, keys, r.store, r.http, pbauth.Addresses{App: productboard, Public: publicURL}, &pbauth.Options{Lock: lock, Wait: 3 * lock})
	r.pb, err = pbapi.New(productboard+"/v2", r.http, pbapi.NoRateLimit())
	return r, err
}

// connect makes an integration and its session, and tells what processes have
// to know.
func connect(ctx context.Context, redisURL, productboard string, naive bool) (string, error) {
	r, err := open(redisURL, productboard, "refresh")
	if err != nil {
		return "", err
	}
	defer func() { _ = r.rdb.Close() }()
	if _, err := r.store.CreateTenant(ctx, "acme"); err != nil {
		return "", err
	}
	in, err := r.store.Tenant("acme").Create(ctx, tenants.Integration{ID: tenants.NewID(), Name: "refresh", ActionAuth: tenants.NewActionAuth(),
		Productboard: tenants.ProductboardAuth{Kind: tenants.AuthOAuth, ClientID: clientID, ClientSecret: secret.New(clientSecret), Scope: "plugin-integrations:read"}})
	if err != nil {
		return "", err
	}
	started, err := r.auth.Start(ctx, in, "admin")
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, started.AuthorizeURL, nil)
	if err != nil {
		return "", err
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Do(req)
	if err != nil {
		return "", err
	}
	_ = resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		return "", err
	}
	if err := r.auth.Finish(ctx, "acme", in.ID, started.State, back.Query().Get("code"), "admin"); err != nil {
		return "", err
	}
	s := setup{Redis: redisURL, Productboard: productboard, Integration: in.ID}
	if naive {
		if s.Refresh, err = r.stored(ctx, in.ID); err != nil {
			return "", err
		}
	}
	raw, err := json.Marshal(s)
	return string(raw), err
}

// stored reads the refresh token that was just stored.
func (r *rooms) stored(ctx context.Context, integration string) (string, error) {
	raw, err := r.rdb.HGet(ctx, "pb:{t:acme}:oauth:"+integration, "doc").Bytes()
	if err != nil {
		return "", err
	}
	var doc struct {
		Refresh string `json:"refresh"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return "", err
	}
	token, err := r.keys.Open(doc.Refresh, "acme/"+integration+"/oauth.refresh")
	return token.Reveal(), err
}

// work makes a call for each line that it is told.
func work(ctx context.Context, told string, stdin io.Reader, stdout io.Writer) error {
	raw, number, _ := cutLast(told)
	var s setup
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return err
	}
	r, err := open(s.Redis, s.Productboard, "refresh/"+number)
	if err != nil {
		return err
	}
	defer func() { _ = r.rdb.Close() }()
	in, err := r.store.ByID(ctx, s.Integration)
	if err != nil {
		return err
	}
	var tokens pbapi.TokenSource = r.auth.Source(in)
	if s.Refresh != "" {
		tokens = &naive{rooms: r, productboard: s.Productboard, auth: in.Productboard, refresh: s.Refresh}
	}
	session := r.pb.As(tokens)
	lines := bufio.NewScanner(stdin)
	for lines.Scan() {
		answer := "ok"
		if err := through(ctx, session); err != nil {
			answer = strings.ReplaceAll(err.Error(), "\n", " ")
		}
		if _, err := fmt.Fprintln(stdout, answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// through calls Productboard until that works; a refusal is final.
func through(ctx context.Context, session *pbapi.Session) error {
	var err error
	for range tries {
		err = nil
		for _, lerr := range session.ListIntegrations(ctx) {
			err = lerr
		}
		if err == nil || fault.KindOf(err) == fault.Unauthorized {
			return err
		}
		timer := time.NewTimer(again)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
	return err
}

// naive refreshes as if it were alone: it reads the tokens once and goes on
// with its own.
type naive struct {
	*rooms
	productboard string
	auth         tenants.ProductboardAuth
	access       string
	refresh      string
}

func (n *naive) Renewable() bool { return true }

func (n *naive) Token(ctx context.Context) (secret.String, error) {
	if n.access == "" {
		return n.Renew(ctx, secret.String{})
	}
	return secret.New(n.access), nil
}

func (n *naive) Renew(ctx context.Context, _ secret.String) (secret.String, error) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {n.refresh}, "client_id": {n.auth.ClientID}, "client_secret": {n.auth.ClientSecret.Reveal()}}
	var got struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	reply, err := n.http.Send(ctx, outbound.Call{Op: "naive", Method: http.MethodPost, URL: n.productboard + "/oauth2/token", Header: header, Body: []byte(form.Encode())})
	if err != nil {
		return secret.String{}, fault.New(fault.Unauthorized, "naive", "refused")
	}
	if err := json.Unmarshal(reply.Body, &got); err != nil {
		return secret.String{}, err
	}
	n.access, n.refresh = got.Access, got.Refresh
	return secret.New(got.Access), nil
}
