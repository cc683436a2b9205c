package targets

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

type bare struct{}

func (bare) Check(context.Context) error                     { return nil }
func (bare) Find(context.Context, Marker) (*Issue, error)    { return nil, nil }
func (bare) Create(context.Context, Draft) (Issue, error)    { return Issue{}, nil }
func (bare) Traits() Traits                                  { return Traits{Name: "Bare"} }
func (bare) ListFields(context.Context) ([]FieldInfo, error) { return nil, nil }

type parts struct {
	bare
	parts []any
}

func (p parts) Parts() []any { return p.parts }

type reading struct{}

func (reading) Read(context.Context, string) (Issue, error) { return Issue{ID: "1"}, nil }

func TestAbilityOfParts(t *testing.T) {
	t.Parallel()
	_, can := Ability[Reader](bare{})
	require.False(t, can)
	_, can = Ability[FieldLister](bare{})
	require.True(t, can, "the driver's own")
	_, can = Ability[Reader](parts{})
	require.False(t, can)
	_, can = Ability[FieldLister](parts{})
	require.True(t, can, "its own beside its parts")

	target := New(parts{parts: []any{reading{}}}, Options{})
	i, able, err := target.Read(t.Context(), "1")
	require.NoError(t, err)
	require.True(t, able)
	require.Equal(t, "1", i.ID)
	able, err = target.Close(t.Context(), "1")
	require.NoError(t, err)
	require.False(t, able)
}
