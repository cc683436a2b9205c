package targets_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

type refusingRegistrar struct{ targets.Driver }

func (refusingRegistrar) Traits() targets.Traits { return targets.Traits{Name: "Tracker"} }

// RegisterHook refuses in words that repeat what was sent.
func (refusingRegistrar) RegisterHook(_ context.Context, want targets.HookWanted) (targets.HookRegistration, error) {
	said := "no " + want.URL + " with " + want.Secret.Reveal()
	return targets.HookRegistration{}, &fault.Error{Kind: fault.Forbidden, Public: "Tracker: " + said + ".", Err: fmt.Errorf("HTTP status 403: %s", said), Ref: want.Secret.Reveal()}
}

// RemoveHook refuses in words that repeat what the tracker has.
func (refusingRegistrar) RemoveHook(_ context.Context, _, prefix string) error {
	said := "no " + prefix + "tokentokentoken with secretsecretsecret"
	return &fault.Error{Kind: fault.Forbidden, Public: "Tracker: " + said + ".", Err: errors.New(said)}
}

type wordyRegistrar struct{ refusingRegistrar }

func (wordyRegistrar) RegisterHook(context.Context, targets.HookWanted) (targets.HookRegistration, error) {
	return targets.HookRegistration{ID: strings.Repeat("7", 1<<20)}, nil
}

// What is stored of an answer is bounded.
func TestRegisterHookBoundsTheID(t *testing.T) {
	t.Parallel()
	_, supported, err := targets.New(wordyRegistrar{}, targets.Options{Type: "tracker"}).RegisterHook(t.Context(), targets.HookWanted{URL: "https://plugin.example.com/hooks/i1/t"})
	require.True(t, supported)
	require.ErrorIs(t, err, fault.Unavailable)
}

func TestRemoveHookHidesWhatProvesTheSender(t *testing.T) {
	t.Parallel()
	target := targets.New(refusingRegistrar{}, targets.Options{Type: "tracker"})
	_, err := target.RemoveHook(t.Context(), "7", "https://plugin.example.com/hooks/i1/", secret.New("tokentokentoken"), secret.New("secretsecretsecret"))
	require.Equal(t, "Tracker: no https://plugin.example.com/hooks/i1/[secret] with [secret].", fault.From(err).Public)
	require.NotContains(t, fmt.Sprintf("%v %+v", err, fault.From(err).Err), "tokentoken")
}

// Trackers repeat what they refuse. What proves who sends webhooks stands in no error.
func TestRegisterHookHidesWhatProvesTheSender(t *testing.T) {
	t.Parallel()
	const token, signing = "tokentokentoken", "secretsecretsecret"
	target := targets.New(refusingRegistrar{}, targets.Options{Type: "tracker"})
	_, supported, err := target.RegisterHook(t.Context(), targets.HookWanted{URL: "https://plugin.example.com/hooks/i1/" + token, Prefix: "https://plugin.example.com/hooks/i1/", Secret: secret.New(signing)})
	require.True(t, supported)
	require.Equal(t, fault.Forbidden, fault.KindOf(err))
	ferr := fault.From(err)
	require.Equal(t, "Tracker: no https://plugin.example.com/hooks/i1/[secret] with [secret].", ferr.Public)
	for _, text := range []string{err.Error(), ferr.Public, ferr.Ref, fmt.Sprintf("%+v", ferr.Err)} {
		require.NotContains(t, text, token)
		require.NotContains(t, text, signing)
	}
}
