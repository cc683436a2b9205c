package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	// healthTimeout bounds the question; a readiness check asks Redis.
	healthTimeout = 2 * time.Second
	// maxHealth bounds what is read of the answer, in bytes.
	maxHealth = 1 << 10
)

// healthCommand is for supervisors that can only run a program inside the
// container, which has no shell and no curl.
func healthCommand() command {
	return command{name: "health", settings: true, summary: "ask the process on PLUGIN_OPS_LISTEN whether it is ready; exit code 1 if not", setup: func(inv *invocation) func(context.Context, []string) error {
		return func(ctx context.Context, args []string) error {
			if err := noArgs(args); err != nil {
				return err
			}
			cfg, err := inv.load(nil)
			if err != nil {
				return err
			}
			text, err := askReady(ctx, cfg.OpsListen)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(inv.stdout, text)
			return err
		}
	}}
}

// askReady asks /readyz on this machine; an address that listens everywhere
// is asked on the loopback interface.
func askReady(ctx context.Context, listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return "", err
	}
	// Without a transport of its own the request would follow HTTP_PROXY.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("nobody answers on PLUGIN_OPS_LISTEN: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxHealth))
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(body))
	if resp.StatusCode != http.StatusOK {
		return "", errors.New("not ready: " + text)
	}
	return text, nil
}
