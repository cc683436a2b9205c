package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/pushes"
	"pushbutton/internal/targets"
)

const escapes = "\x1b[2J\u202eevil\u009b31m\x07\r"

// TestPrintedText keeps what can be seen, also in pieces.
func TestPrintedText(t *testing.T) {
	for _, step := range []int{1, 2, 3, 1000} {
		var out bytes.Buffer
		w := &printed{to: &out}
		text := []byte("é 🚀\tx\n" + escapes + "\xff.")
		for i := 0; i < len(text); i += step {
			n, err := w.Write(text[i:min(i+step, len(text))])
			require.NoError(t, err)
			require.Equal(t, min(i+step, len(text))-i, n)
		}
		require.Equal(t, "é 🚀\tx\n\ufffd[2J\ufffdevil\ufffd31m\ufffd\ufffd\ufffd.", out.String(), step)
	}
}

// TestNobodySteersTheTerminal: neither a tracker nor Productboard, in the lists
// of pushes, nor a file's name or an argument.
func TestNobodySteersTheTerminal(t *testing.T) {
	w := newPushWorld(t)
	key := w.fails("acme", "10000000-0000-4000-8000-000000000001", escapes)
	plain := func(text string) {
		t.Helper()
		require.False(t, strings.ContainsAny(text, "\x1b\u202e\u009b\x07\r"), "%q", text)
	}
	out, _ := w.say(0, "list")
	require.Contains(t, out, "evil")
	plain(out)
	out, _ = w.say(0, "show", key)
	require.Contains(t, out, "evil")
	plain(out)
	w.vars["PLUGIN_PUBLIC_URL"] = "https://push.example.com"
	var stdout, stderr bytes.Buffer
	env := environment{lookup: w.lookup, all: func() []string { return nil }}
	require.NotZero(t, run(t.Context(), []string{"apply", "-f", escapes}, env, &stdout, &stderr))
	require.Contains(t, stderr.String(), "evil")
	plain(stderr.String() + stdout.String())

	stderr.Reset()
	report("pushes", errors.New(escapes), &printed{to: &stderr})
	plain(stderr.String())
	p := &pushPrinter{out: &printed{to: &stdout}}
	require.NoError(t, p.detail(pushes.Detail{Push: pushes.Push{Issue: &targets.Issue{Key: escapes, URL: escapes}, By: connections.Person{Name: escapes}},
		Timeline: []connections.Event{{Note: escapes, Ref: escapes}}}))
	plain(stdout.String())
}

func TestBareWritesWhatItIs(t *testing.T) {
	var out bytes.Buffer
	_, err := bare(&printed{to: &out}).Write([]byte("\x1b\xff"))
	require.NoError(t, err)
	require.Equal(t, "\x1b\xff", out.String())
}
