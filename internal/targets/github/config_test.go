package github

import (
	"github.com/stretchr/testify/require"
	"testing"
)

func TestAPIRoot(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://github.com":              "https://api.github.com",
		"https://GitHub.com":              "https://api.github.com",
		"https://api.github.com":          "https://api.github.com",
		"https://acme.ghe.com":            "https://api.acme.ghe.com",
		"https://api.acme.ghe.com":        "https://api.acme.ghe.com",
		"https://git.acme.com":            "https://git.acme.com/api/v3",
		"https://git.acme.com/api/v3":     "https://git.acme.com/api/v3",
		"http://127.0.0.1:8080":           "http://127.0.0.1:8080/api/v3",
		"https://github.com.evil.example": "https://github.com.evil.example/api/v3",
	} {
		require.Equal(t, want, apiRoot(address), address)
	}
}
