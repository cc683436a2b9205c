package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/wire"
)

const (
	// jwtLife is how long an App's own signature holds, below GitHub's ten
	// minutes; jwtBack is how far it is dated back, for clocks that differ.
	jwtLife = 9 * time.Minute
	jwtBack = time.Minute
	// tokenMargin is how long before its end (an hour) a token is replaced.
	tokenMargin = 5 * time.Minute
)

// appTokens returns a GitHub App's installation token, fetched once for all who
// want it and kept until shortly before it expires or GitHub refuses it.
type appTokens struct {
	client client // speaks as the App itself
	// turn is held by whoever fetches.
	turn chan struct{}

	mu    sync.Mutex
	token string
	until time.Time
	// tries counts fetches, and failed is how the latest ended.
	tries  int
	failed error
}

func newAppTokens(cfg config, http *outbound.Client) *appTokens {
	a := &appTokens{turn: make(chan struct{}, 1)}
	// The client's own app is set for its sentences; it never asks it for a token.
	a.client = client{http: http, cfg: cfg, app: a}
	return a
}

// get returns a token. Callers that wait for the same fetch share its failure
// too, unless only the fetcher's own time was up.
func (a *appTokens) get(ctx context.Context) (string, error) {
	token, tries := a.cached()
	if token != "" {
		return token, nil
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return "", fault.Wrap(fault.Canceled, opToken, context.Cause(ctx))
	}
	if token, err := a.fetchedSince(tries); token != "" || err != nil {
		return token, err
	}
	created, err := a.fetch(ctx, tokenRequest{Repositories: []string{a.client.cfg.repositoryName()}, Permissions: issuePermission()})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tries, a.failed = a.tries+1, err
	if err != nil {
		return "", err
	}
	a.token, a.until = created.Token, created.ExpiresAt.Add(-tokenMargin)
	return a.token, nil
}

func (a *appTokens) cached() (token string, tries int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Now().Before(a.until) {
		token = a.token
	}
	return token, a.tries
}

// fetchedSince returns what another caller has fetched meanwhile.
func (a *appTokens) fetchedSince(tries int) (string, error) {
	token, now := a.cached()
	if token != "" || now == tries {
		return token, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if k := fault.KindOf(a.failed); a.failed == nil || k == fault.Canceled || k == fault.Timeout {
		return "", nil
	}
	return "", a.failed
}

// drop forgets a token that GitHub has refused, if it is still the one in use.
func (a *appTokens) drop(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token == token {
		a.token, a.until = "", time.Time{}
	}
}

const opToken = "get installation token"

// issuePermission is all that the plugin needs of an installation.
func issuePermission() map[string]string { return map[string]string{"issues": "write"} }

// fetch asks GitHub for a token. It never gives an Unsure error: whoever
// wanted it has sent nothing yet.
func (a *appTokens) fetch(ctx context.Context, want tokenRequest) (tokenReply, error) {
	signed, err := a.signed()
	if err != nil {
		return tokenReply{}, err
	}
	cfg := a.client.cfg
	var created tokenReply
	_, err = a.client.sendAs(ctx, signed, opToken, http.MethodPost, "/app/installations/"+cfg.installationID+"/access_tokens", want, wire.List(&created, 500))
	if errors.As(err, new(*outbound.UnreadableError)) {
		return tokenReply{}, notGitHub(opToken, errors.New("the answer cannot be read")) // it may hold the token
	}
	if err != nil {
		e := wire.Sure(err)
		if e.Kind == fault.NotFound {
			e.Public = fmt.Sprintf("GitHub has no installation %s of the GitHub App %s. Ask your admin to check settings.installationId (the number in the address of the installation's page).", cfg.installationID, cfg.appID)
		}
		var apiErr *apiError
		if errors.As(err, &apiErr) && apiErr.status == http.StatusUnprocessableEntity {
			e.Kind = fault.Forbidden // the installation lacks the repository or the permission
			e.Public = fmt.Sprintf("GitHub gives the GitHub App no token for %s. Ask a GitHub admin to install it there (Install App > Configure) with the permission Issues: Read and write.", cfg.repository)
		}
		return tokenReply{}, e
	}
	if created.Token == "" {
		return tokenReply{}, notGitHub(opToken, errors.New("the answer holds no token"))
	}
	return created, nil
}

// about reads what GitHub knows of the App, which authenticates its key.
func (a *appTokens) about(ctx context.Context) (aboutApp, error) {
	signed, err := a.signed()
	if err != nil {
		return aboutApp{}, err
	}
	var app aboutApp
	err = a.client.getAs(ctx, signed, "read the GitHub App", "/app", &app)
	return app, err
}

// signed makes the App's own credential (RFC 7519, RS256).
func (a *appTokens) signed() (string, error) {
	now := time.Now()
	claims := jwt.RegisteredClaims{Issuer: a.client.cfg.appID, IssuedAt: jwt.NewNumericDate(now.Add(-jwtBack)), ExpiresAt: jwt.NewNumericDate(now.Add(jwtLife))}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(a.client.cfg.key)
	if err != nil {
		return "", &fault.Error{Op: opToken, Kind: fault.Internal, Err: errors.New("the private key cannot sign")}
	}
	return signed, nil
}
