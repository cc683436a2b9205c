package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/server"
)

func TestHealthAsksWhetherTheProcessIsReady(t *testing.T) {
	var why error
	srv := httptest.NewServer(server.Ops(func(context.Context) error { return why }, http.NotFoundHandler()))
	defer srv.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "http://"), ":")
	health := func(listen string) (int, string) {
		var out bytes.Buffer
		env := environment{lookup: func(string) (string, bool) { return "", false }, all: func() []string { return nil }}
		code := run(t.Context(), []string{"health", "--ops-listen", listen}, env, &out, &out)
		return code, out.String()
	}
	for _, listen := range []string{"127.0.0.1:" + port, ":" + port, "0.0.0.0:" + port} {
		code, text := health(listen)
		require.Equal(t, exitOK, code, text)
		require.Equal(t, "ready\n", text)
	}
	why = errors.New("redis cannot be reached")
	code, text := health(":" + port)
	require.Equal(t, exitFailure, code)
	require.Contains(t, text, "not ready: redis cannot be reached")
	srv.Close()
	code, text = health(":" + port)
	require.Equal(t, exitFailure, code)
	require.Contains(t, text, "nobody answers")
}
