package auth

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// MaxLife is the longest life of a token that Mint makes.
const MaxLife = 366 * 24 * time.Hour

// Grant describes a token to be minted.
type Grant struct {
	Subject, Tenant  string
	Roles            []Role
	Life             time.Duration
	Issuer, Audience string
}

// Mint makes an HS256 token for people who host the plugin themselves. It
// refuses what Verify would refuse.
func (k SharedKey) Mint(g Grant, now time.Time) (token, tokenID string, err error) {
	if g.Life <= 0 || g.Life > MaxLife {
		return "", "", fmt.Errorf("a token lives at most %s", MaxLife)
	}
	c := claims{RegisteredClaims: jwt.RegisteredClaims{
		Subject: g.Subject, Issuer: g.Issuer, ID: uuid.NewString(),
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(g.Life)),
	}, Tenant: g.Tenant, Roles: g.Roles}
	if g.Audience != "" {
		c.Audience = jwt.ClaimStrings{g.Audience}
	}
	id, err := c.identity()
	if err != nil {
		return "", "", err
	}
	if len(id.Roles) != len(g.Roles) {
		return "", "", errors.New("roles are viewer, admin and operator")
	}
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(k.key.Reveal()))
	return token, id.TokenID, err
}
