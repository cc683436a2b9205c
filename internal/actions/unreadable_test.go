package actions

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi"
)

// A record that cannot be read is no reason to ask the person to try again in a
// minute.
func TestAClickOnARecordThatCannotBeRead(t *testing.T) {
	r := newRig(t)
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	ctx := context.Background()
	keys, err := r.env.Client.Keys(ctx, "*:c:*").Result()
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.NoError(t, r.env.Client.HSet(ctx, keys[0], entityID, "{").Err())
	for _, trigger := range []pbapi.Trigger{pbapi.TriggerPush, pbapi.TriggerUnlink} {
		answer := r.click(trigger)
		require.Equal(t, pbapi.StateError, answer.State)
		require.Contains(t, answer.Message, "reset")
		require.NoError(t, answer.Validate())
	}
}
