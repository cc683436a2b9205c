package check

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestImagesArePinned(t *testing.T) {
	text, err := os.ReadFile("../../Dockerfile")
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(text), "\nFROM "))
	require.Empty(t, dockerfile(string(text)))
	require.Len(t, dockerfile("FROM golang:1.26 AS build\nfrom scratch\nFROM a@sha256:12\n"), 3)
}
