package tenants_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/tenants"
)

func certificate(t *testing.T, authority bool) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: authority, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestParseCA(t *testing.T) {
	ca := certificate(t, true)
	certs, err := tenants.ParseCA("# ours\n" + ca + "\nand another\n" + ca + "\n")
	require.NoError(t, err)
	require.Len(t, certs, 2)
	for name, c := range map[string]struct{ text, want string }{
		"nothing": {"", "PEM"}, "no PEM": {"canary", "PEM"}, "text after": {ca + "canary", "PEM"}, "one cut": {ca + ca[:200], "PEM"},
		"a key":        {ca + "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n", "only certificates"},
		"broken":       {"-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n", "cannot be read (number 1)"},
		"no authority": {ca + certificate(t, false), "no authority (number 2)"}, "too long": {strings.Repeat(" ", tenants.MaxCA+1), "larger than"},
	} {
		_, err := tenants.ParseCA(c.text)
		require.ErrorContains(t, err, c.want, name)
		require.NotContains(t, err.Error(), "canary")
	}
}
