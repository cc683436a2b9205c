package jira_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/targets/targettest"
)

// Jira returns a project with all its versions and components.
func TestProjectsWithThousandsOfVersions(t *testing.T) {
	t.Parallel()
	versions := `"versions":[{"id":"1"}` + strings.Repeat(`,{"self":"https://acme.atlassian.net/rest/api/3/version/10000","id":"10000","name":"2026.11.1","description":"The eleventh","archived":false,"released":true,"releaseDate":"2026-11-30","projectId":10000}`, 5000) + "],"
	editions(t, func(t *testing.T, r *rig) {
		proxy := targettest.NewProxy(t, r.URL)
		proxy.On(func(req *http.Request) bool { return strings.HasSuffix(req.URL.Path, "/project/ENG") }, targettest.Behaviour{Pass: true, Change: func(w io.Writer, body []byte) {
			_, _ = w.Write(bytes.Replace(body, []byte("{"), []byte("{"+versions), 1))
		}})
		r.to = proxy.URL
		require.NoError(t, r.open(t, nil).Check(t.Context()))
		require.Positive(t, proxy.Hits())
	})
}
