package pbapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
)

// pages serves n pages of one connection each. Every links.next points at a
// host that must never be called.
func pages(t *testing.T, n int) http.HandlerFunc {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request) {
		at := 0
		if c := r.URL.Query().Get("pageCursor"); c != "" {
			var err error
			at, err = strconv.Atoi(strings.TrimPrefix(c, "c+/="))
			assert.NoError(t, err)
		}
		next := "null"
		if at+1 < n {
			next = fmt.Sprintf(`"https://attacker.invalid/v2/other?pageCursor=c%%2B%%2F%%3D%d&state[]=error"`, at+1)
		}
		reply(w, 200, fmt.Sprintf(`{"data":[{"id":"%d","fields":{"connection":{"state":"progress"}}}],"links":{"next":%s}}`, at, next))
	}
}

func ids(conns []pbapi.Connection) []string {
	var out []string
	for _, c := range conns {
		out = append(out, c.EntityID)
	}
	return out
}

func TestPages(t *testing.T) {
	t.Parallel()
	sent := 0
	s := against(t, func(w http.ResponseWriter, r *http.Request) {
		sent++
		assert.Equal(t, "/v2/plugin-integrations/"+integrationID+"/connections", r.URL.Path)
		assert.Equal(t, []string{"progress"}, r.URL.Query()["state[]"], "our own filter on every page, nothing of the link's")
		pages(t, 3)(w, r)
	})
	seq := s.ListConnections(t.Context(), integrationID, pbapi.StateProgress)
	for range 2 { // a sequence starts anew each time
		got, err := collect(seq)
		require.NoError(t, err)
		require.Equal(t, []string{"0", "1", "2"}, ids(got))
	}
	require.Equal(t, 6, sent)

	sent = 0
	for c, err := range seq {
		require.NoError(t, err)
		if c.EntityID == "1" {
			break
		}
	}
	require.Equal(t, 2, sent, "pages are read when they are needed")
}

func TestPagesOfASearchRepeatTheBody(t *testing.T) {
	t.Parallel()
	s := against(t, func(w http.ResponseWriter, r *http.Request) {
		assert.JSONEq(t, `{"data":{"filter":{"state":["error"]}}}`, body(t, r))
		pages(t, 2)(w, r)
	})
	got, err := collect(s.SearchConnections(t.Context(), integrationID, pbapi.ConnectionFilter{States: []pbapi.StateName{pbapi.StateError}}))
	require.NoError(t, err)
	require.Len(t, got, 2)
}

func TestPagesThatLeadNowhere(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]string{
		"no cursor":       `"https://api.productboard.com/v2/plugin-integrations"`,
		"empty cursor":    `"?pageCursor="`,
		"not a URL":       `"https://%zz"`,
		"not a text":      `7`,
		"the same page":   `"?pageCursor=same"`,
		"a giant cursor":  `"?pageCursor=` + strings.Repeat("c", 5000) + `"`,
		"a cursor's name": `"same"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := 0
			s := against(t, func(w http.ResponseWriter, _ *http.Request) {
				sent++
				reply(w, 200, `{"data":[],"links":{"next":`+next+`}}`)
			})
			_, err := collect(s.ListRelationships(t.Context(), entityID))
			ferr := requireFault(t, err, fault.Unavailable)
			require.Equal(t, fault.SideProductboard, ferr.Side)
			require.LessOrEqual(t, sent, 2)
		})
	}
}

func TestErrorOnALaterPage(t *testing.T) {
	t.Parallel()
	s := against(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("pageCursor") {
			reply(w, 500, "")
			return
		}
		pages(t, 2)(w, r)
	})
	got, errs := 0, 0
	for _, err := range s.ListConnections(t.Context(), integrationID) {
		if err != nil {
			requireFault(t, err, fault.Unavailable)
			errs++
			continue // the sequence must end by itself
		}
		got++
	}
	require.Equal(t, [2]int{1, 1}, [2]int{got, errs})
}

func TestCancelBetweenPages(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range against(t, pages(t, 3)).ListConnections(ctx, integrationID) {
		last = err
		cancel()
	}
	requireFault(t, last, fault.Canceled)
}
