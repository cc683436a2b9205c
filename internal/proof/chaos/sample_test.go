package main

import (
	"fmt"
	"github.com/stretchr/testify/require"
	"strings"
	"testing"
	"time"
)

func TestSpokenIn(t *testing.T) {
	from := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	to := from.Add(5 * time.Second)
	at := func(d time.Duration, rest string) string {
		return fmt.Sprintf(`{"time":%q,%s}`, from.Add(d).Format(time.RFC3339Nano), rest)
	}
	log := strings.Join([]string{
		at(-time.Second, `"msg":"rescue failed"`),
		at(time.Second, `"msg":"action","outcome":"unavailable"`),
		at(time.Second, `"msg":"click recorded but not queued"`),
		at(time.Second, `"msg":"attempt","outcome":"done"`),
		at(time.Second, `"msg":"attempt","outcome":"retry"`),
		at(time.Second, `"msg":"attempt","outcome":"not told"`),
		at(time.Second, `"msg":"rescue failed"`),
		at(6*time.Second, `"msg":"attempt","outcome":"not told"`),
		"panic: something",
	}, "\n")
	require.Equal(t, spoken{Clicks: 2, Runs: 2, Others: 2, Foreign: 1}, spokenIn([]byte(log), from, to))
}
