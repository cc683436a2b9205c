package githubfake

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// asApp checks the signature that a GitHub App authenticates with.
func (c *call) asApp() bool {
	if c.App == nil {
		c.fail(http.StatusUnauthorized, "A JSON web token could not be decoded")
		return false
	}
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(c.bearer(), &claims, func(*jwt.Token) (any, error) { return c.App.Key, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	if err != nil || claims.Issuer != c.App.ID || claims.IssuedAt == nil {
		c.fail(http.StatusUnauthorized, "A JSON web token could not be decoded")
		return false
	}
	if time.Until(claims.ExpiresAt.Time) > 10*time.Minute {
		c.fail(http.StatusUnauthorized, "'Expiration time' claim ('exp') is too far in the future")
		return false
	}
	return true
}

func (c *call) getApp() {
	if c.asApp() {
		c.send(200, c.integration())
	}
}

func (c *call) postToken() {
	var in struct {
		Repositories []string          `json:"repositories"`
		Permissions  map[string]string `json:"permissions"`
	}
	if !c.asApp() || !c.body(&in) {
		return
	}
	a := c.App
	switch {
	case c.r.PathValue("id") != strconv.Itoa(a.InstallationID):
		c.fail(http.StatusNotFound, "Not Found")
		return
	case a.Suspended:
		c.fail(http.StatusForbidden, "This installation has been suspended")
		return
	case a.ReadOnly && in.Permissions["issues"] == "write":
		c.fail(http.StatusUnprocessableEntity, "The permissions requested are not granted to this installation.")
		return
	}
	repos := map[string]string{}
	for _, full := range a.Repos {
		_, name, _ := strings.Cut(full, "/")
		if in.Repositories == nil || contains(in.Repositories, name) {
			repos[strings.ToLower(full)] = "write"
		}
	}
	if len(repos) < len(in.Repositories) {
		c.fail(http.StatusUnprocessableEntity, "There is at least one repository that does not exist or is not accessible to the parent installation.")
		return
	}
	a.Issued++
	token := fmt.Sprintf("ghs_%036d", a.Issued)
	if a.tokens == nil {
		a.tokens = map[string]*Account{}
	}
	a.tokens[token] = &Account{Login: a.Slug + "[bot]", Repos: repos}
	c.send(201, map[string]any{"token": token, "expires_at": time.Now().Add(time.Duration(a.Life) * time.Second).UTC().Format(time.RFC3339),
		"permissions": map[string]any{"issues": "write", "metadata": "read"}, "repository_selection": "selected"})
}

// Revoke makes all of the App's tokens invalid.
func (a *App) Revoke() { a.tokens = nil }

func (c *call) listInstallationRepos() {
	c.query("per_page")
	out := []any{}
	for name := range c.who.Repos {
		c.repo = c.Repositories[name]
		out = append(out, c.fullRepository())
	}
	c.send(200, map[string]any{"total_count": len(out), "repositories": out})
}
