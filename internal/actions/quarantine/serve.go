package quarantine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"syscall"

	"pushbutton/internal/connections"
)

// Perform does the run of a lease that it resumes for an owner.
type Perform func(ctx context.Context, key connections.Key, run int64, owner string) error

// Serve reads its request from in, limits the memory of this whole process for good,
// and does the run. open connects the rooms; its error means that the run did not
// begin. The process must end after Serve, with code 0 if there is no error.
func Serve(ctx context.Context, in io.Reader, out io.Writer, open func(ctx context.Context) (Perform, error)) error {
	var o request
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("quarantine: the request cannot be read: %w", err)
	}
	if !o.Key.Valid() || o.Owner == "" || o.Memory == 0 {
		return fmt.Errorf("quarantine: the request names no run")
	}
	// One thread of Go's is enough for one run, and each costs memory.
	runtime.GOMAXPROCS(1)
	// Collecting garbage harder comes before the end.
	debug.SetMemoryLimit(int64(o.Memory) / 4 * 3)
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: o.Memory, Max: o.Memory}); err != nil {
		return fmt.Errorf("quarantine: bound memory: %w", err)
	}
	perform, err := open(ctx)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, started); err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	return perform(ctx, o.Key, o.Run, o.Owner)
}
