package fault

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBlame(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds() {
		e := &Error{Kind: kind}
		e.Blame(SideTracker, "Redmine")
		switch kind {
		case Internal, Canceled, Blocked:
			require.Equal(t, SidePlugin, e.Side, kind)
			require.Equal(t, "this plugin", e.Party(), kind)
		default:
			require.Equal(t, SideTracker, e.Side, kind)
			require.Equal(t, "Redmine", e.Party(), kind)
		}
	}
	own := &Error{Kind: Unavailable, Side: SidePlugin, Peer: "Redis"}
	own.Blame(SideTracker, "Redmine")
	require.Equal(t, &Error{Kind: Unavailable, Side: SidePlugin, Peer: "Redis"}, own, "what was said stays")
	said := &Error{Kind: Unauthorized, Side: SideTracker}
	said.Blame(SideTracker, "Redmine")
	require.Equal(t, "Redmine", said.Peer)
}

func TestSidesAreClosed(t *testing.T) {
	t.Parallel()
	for _, side := range Sides() {
		require.NotEmpty(t, side.Name())
		require.Equal(t, side, ParseSide(string(side)))
	}
	require.Empty(t, Side("").Name())
	var read struct{ S, T Side }
	require.NoError(t, json.Unmarshal([]byte(`{"S":"tracker","T":"Sandbox tracker"}`), &read))
	require.Equal(t, SideTracker, read.S)
	require.Empty(t, read.T, "a name is no side")
}
