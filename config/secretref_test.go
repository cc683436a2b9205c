package config_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/config"
)

func TestResolveSecret(t *testing.T) {
	t.Parallel()
	lookup := env("PB_TOKEN", "tok\n", "EMPTY", " ")
	read := func(path string, limit int64) ([]byte, error) {
		switch path {
		case "key":
			return []byte("abc \r\n"), nil
		case "two":
			return []byte("a\n\n"), nil
		case "big":
			return make([]byte, limit), nil
		case "empty":
			return nil, nil
		default:
			return nil, errors.New("no such file")
		}
	}
	for _, tc := range []struct{ ref, want, err string }{
		{ref: "env:PB_TOKEN", want: "tok"},
		{ref: "file:key", want: "abc "},
		{ref: "file:two", want: "a\n"},
		{ref: "env:MISSING", err: "MISSING is not set"},
		{ref: "env:EMPTY", err: "EMPTY is empty"},
		{ref: "env:", err: "must be env:NAME"},
		{ref: "env:hunter2!", err: "name of an environment variable"},
		{ref: "env:2hunter", err: "name of an environment variable"},
		{ref: "file:", err: "must be env:NAME"},
		{ref: "file:gone", err: "cannot be read: no such file"},
		{ref: "file:big", err: "larger than 65536 bytes"},
		{ref: "file:empty", err: `"empty" is empty`},
		{ref: "hunter2", err: "must be env:NAME or file:PATH"},
		{ref: "Bearer:hunter2", err: "must be env:NAME or file:PATH"},
		{ref: "", err: "must be env:NAME or file:PATH"},
	} {
		t.Run(tc.ref, func(t *testing.T) {
			got, err := config.ResolveSecret(tc.ref, lookup, read)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				require.NotContains(t, err.Error(), "hunter", "a secret in the wrong place is not repeated")
				require.True(t, got.Empty())
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, got.Reveal())
		})
	}
}
