package pbfake_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
)

func TestEdgeTransport(t *testing.T) {
	t.Parallel()
	plugin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, r.Host+" "+r.URL.Path+" "+string(body))
	}))
	defer plugin.Close()
	fake := pbfake.New(nil)
	defer fake.Close()
	require.NoError(t, fake.SetEdge("https://plugin.example", plugin.URL))
	client := &http.Client{Transport: fake.EdgeTransport()}
	post := func(url string) (int, string, error) {
		res, err := client.Post(url, "text/plain", strings.NewReader("hello"))
		if err != nil {
			return 0, "", err
		}
		defer func() { _ = res.Body.Close() }()
		raw, err := io.ReadAll(res.Body)
		return res.StatusCode, string(raw), err
	}
	status, body, err := post("https://plugin.example/hooks/x")
	require.NoError(t, err)
	require.Equal(t, 202, status)
	require.Equal(t, "plugin.example /hooks/x hello", body)
	status, body, err = post(plugin.URL + "/direct")
	require.NoError(t, err)
	require.Equal(t, 202, status)
	require.Contains(t, body, "/direct hello")
	for _, never := range []string{"https://elsewhere.example/", "http://192.0.2.1/", "http://plugin.example/"} {
		_, _, err = post(never)
		require.ErrorContains(t, err, "no edge is set", never)
	}
}
