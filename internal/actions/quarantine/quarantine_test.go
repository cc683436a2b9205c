package quarantine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/actions"
	"pushbutton/internal/connections"
	"pushbutton/internal/redisdb/redistest"
)

const roleVar = "QUARANTINE_TEST_ROLE"

// TestMain is the process in quarantine as well: a role in the environment says
// how it behaves.
func TestMain(m *testing.M) {
	role := os.Getenv(roleVar) //nolint:forbidigo // the process' only input beside its request
	if role == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := Serve(ctx, os.Stdin, os.Stdout, func(context.Context) (Perform, error) {
		if role == "no settings" {
			return nil, errors.New("PLUGIN_REDIS_URL is not set")
		}
		return func(ctx context.Context, key connections.Key, run int64, owner string) error {
			return play(ctx, role, key, run, owner)
		}, nil
	})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func play(ctx context.Context, role string, key connections.Key, run int64, owner string) error {
	switch role {
	case "good":
		if key != someKey || run != 7 || owner != "me" {
			return errors.New("another request")
		}
		fmt.Fprintln(os.Stderr, "a line of its log")
		return nil
	case "greedy":
		var all [][]byte
		for {
			part := make([]byte, 1<<20)
			for i := range part {
				part[i] = 1
			}
			all = append(all, part)
			if len(all) > 1024 {
				return fmt.Errorf("%d MB are no bound", len(all))
			}
		}
	case "killed":
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	default: // waits to be stopped
		<-ctx.Done()
		return nil
	}
}

var someKey = connections.Key{Tenant: "acme", Integration: "abcdefghijklmnopqrstuvwxyz", Entity: "00000000-0000-4000-8000-000000000001"}

func role(env redistest.Env, role string) *Quarantine {
	return New(env.Client, func(ctx context.Context) *exec.Cmd {
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = []string{roleVar + "=" + role}
		return cmd
	}, allowed)
}

func TestDo(t *testing.T) {
	for name, tt := range map[string]struct {
		want error
		said string
	}{
		"good":        {nil, ""},
		"greedy":      {actions.ErrDied, "exit status 2"},
		"killed":      {actions.ErrDied, "killed"},
		"no settings": {errors.New("the run was not begun"), "PLUGIN_REDIS_URL is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "greedy" && raceDetector {
				t.Skip("the bound is not the plugin's under the race detector; the ordinary run has it")
			}
			env := redistest.Mini(t)
			err := role(env, name).Do(t.Context(), someKey, 7, "me")
			if tt.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.said)
				require.Equal(t, errors.Is(tt.want, actions.ErrDied), errors.Is(err, actions.ErrDied))
			}
			n, err := env.Client.Exists(t.Context(), lockKey).Result()
			require.NoError(t, err)
			require.Zero(t, n, "the place is free again")
		})
	}
}

func TestItsLogIsTheWorkers(t *testing.T) {
	q, log := role(redistest.Mini(t), "good"), &strings.Builder{}
	plain := q.command
	q.command = func(ctx context.Context) *exec.Cmd {
		cmd := plain(ctx)
		cmd.Stderr = log
		return cmd
	}
	require.NoError(t, q.Do(t.Context(), someKey, 7, "me"))
	require.Equal(t, "a line of its log\n", log.String())
}

func TestOneAtATime(t *testing.T) {
	env := redistest.Mini(t)
	require.NoError(t, env.Client.Set(t.Context(), lockKey, "another", 0).Err())
	require.ErrorIs(t, role(env, "good").Do(t.Context(), someKey, 7, "me"), actions.ErrOccupied)
	who, err := env.Client.Get(t.Context(), lockKey).Result()
	require.NoError(t, err)
	require.Equal(t, "another", who, "nobody is thrown out")
}

// A worker that stops has the process hand its run back; that is not dying.
func TestStopping(t *testing.T) {
	env := redistest.Mini(t)
	ctx, stop := context.WithCancel(t.Context())
	q := role(env, "waits")
	started := make(chan struct{})
	make0 := q.command
	q.command = func(ctx context.Context) *exec.Cmd { close(started); return make0(ctx) }
	ended := make(chan error, 1)
	go func() { ended <- q.Do(ctx, someKey, 7, "me") }()
	<-started
	stop()
	err := <-ended
	require.NotErrorIs(t, err, actions.ErrDied, err)
}

func TestServeWantsARequest(t *testing.T) {
	for _, in := range []string{"", "{}", "[", `{"Key":{"Tenant":"a/b"}}`} {
		require.ErrorContains(t, Serve(t.Context(), strings.NewReader(in), &strings.Builder{}, nil), "request")
	}
}
