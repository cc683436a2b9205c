package hooks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	env := redistest.Mini(t)
	routes, ctx := NewRoutes(env.Client), t.Context()
	a, b := Ref{"acme", "a"}, Ref{"umbrella", "b"}
	for _, add := range []Ref{a, b, a} {
		require.NoError(t, routes.AddRoute(ctx, "github", "7/42", add))
	}
	found, err := routes.ByRoute(ctx, "github", "7/42")
	require.NoError(t, err)
	require.ElementsMatch(t, []Ref{a, b}, found)

	for kind, route := range map[string]string{"github": "7/43", "gitlab": "7/42", "linear": "", "jira": strings.Repeat("x", MaxRoute+1)} {
		found, err := routes.ByRoute(ctx, kind, route)
		require.NoError(t, err)
		require.Empty(t, found, kind)
	}
	require.NoError(t, routes.RemoveRoute(ctx, "github", "7/42", a))
	require.NoError(t, routes.RemoveRoute(ctx, "github", "7/42", a))
	found, err = routes.ByRoute(ctx, "github", "7/42")
	require.NoError(t, err)
	require.Equal(t, []Ref{b}, found)
	require.NoError(t, routes.RemoveRoute(ctx, "github", "7/42", b))
	require.Empty(t, env.Keys(t, "*"), "nothing stays")

	require.Error(t, routes.AddRoute(ctx, "github", "", a))
	require.Error(t, routes.AddRoute(ctx, "github", strings.Repeat("x", MaxRoute+1), a))
}

// TestRoutesAreBounded: one webhook is never read for more than so many.
func TestRoutesAreBounded(t *testing.T) {
	t.Parallel()
	env := redistest.Mini(t)
	routes, ctx := NewRoutes(env.Client), t.Context()
	ref := func(i int) Ref { return Ref{"acme", fmt.Sprint(i)} }
	for i := range MaxPerRoute {
		require.NoError(t, routes.AddRoute(ctx, "github", "7/42", ref(i)))
	}
	err := routes.AddRoute(ctx, "github", "7/42", ref(MaxPerRoute))
	require.ErrorIs(t, err, fault.Conflict)
	require.NoError(t, routes.AddRoute(ctx, "github", "7/42", ref(7)), "it is there already")
	found, err := routes.ByRoute(ctx, "github", "7/42")
	require.NoError(t, err)
	require.Len(t, found, MaxPerRoute)

	env.Mini.SetError("LOADING")
	_, err = routes.ByRoute(ctx, "github", "7/42")
	require.ErrorIs(t, err, fault.Unavailable)
}
