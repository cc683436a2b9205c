package httptarget

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The vectors of the Standard Webhooks specification and of its libraries.
func TestSignatures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key, id    string
		at         int64
		body, want string
	}{
		{"plJ3nmyCDGBKInavdOK15jsl", "msg_loFOjxBNrRLzqYUf", 1731705121, `{"event_type":"ping","data":{"success":true}}`, "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="},
		{"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, `{"test": 2432232314}`, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	} {
		key, err := base64.StdEncoding.DecodeString(c.key)
		require.NoError(t, err)
		h := http.Header{}
		(&signer{key}).sign(h, c.id, time.Unix(c.at, 0), []byte(c.body))
		require.Equal(t, c.want, h.Get("webhook-signature"))
		require.Equal(t, c.id, h.Get("webhook-id"))
	}
}

func TestSigningSecret(t *testing.T) {
	t.Parallel()
	_, err := newSigner("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	for _, bad := range []string{"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_!", "whsec_" + strings.Repeat("A", 200)} {
		_, err := newSigner(bad)
		require.Error(t, err, bad)
	}
}
