// Command plugin is the push-button backend for Productboard. See README.md,
// or run `plugin help`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"pushbutton/config"
)

// Set by the linker; see Makefile.
//
//nolint:gochecknoglobals // the linker can set nothing else
var (
	version = "dev"
	commit  = "unknown"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], environment{lookup: os.LookupEnv, all: os.Environ, stdin: os.Stdin}, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// environment is the process' environment and input; main alone hands it in.
type environment struct {
	lookup func(string) (string, bool)
	all    func() []string
	stdin  io.Reader
}

// invocation is one call of a command.
type invocation struct {
	env environment
	// stdout and stderr are for text; bare is what is behind them.
	stdout io.Writer
	stderr io.Writer
	flags  *flag.FlagSet
	// flagValues holds the settings that were set by flags.
	flagValues map[string]string
}

// command is one sub-command. setup registers its own flags and returns what
// runs it.
type command struct {
	name     string
	summary  string
	settings bool // takes the settings as flags
	hidden   bool // is not for people to call
	client   bool // can work through a running plugin, and takes the settings for that too
	setup    func(inv *invocation) func(ctx context.Context, args []string) error
}

func commands() []command {
	return []command{
		devCommand(), serveCommand("serve"), serveCommand("api"), serveCommand("worker"),
		sandboxCommand(), applyCommand(), doctorCommand(), pushesCommand(), hooksCommand(), tenantsCommand(), keysCommand(), tokenCommand(), targetsCommand(), healthCommand(), versionCommand(), quarantineCommand(),
	}
}

// usageError is a mistake in how the program was called or configured.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// silentError has been reported already.
type silentError struct{ code int }

func (e *silentError) Error() string { return fmt.Sprintf("exit %d", e.code) }

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	stdout, stderr = &printed{to: stdout}, &printed{to: stderr}
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(stdout)
		if len(args) == 0 {
			return exitUsage
		}
		return exitOK
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return invoke(ctx, c, args[1:], env, stdout, stderr)
		}
	}
	_, _ = fmt.Fprintf(stderr, "plugin: there is no command %q; `plugin help` lists them\n", args[0])
	return exitUsage
}

func invoke(ctx context.Context, c command, args []string, env environment, stdout, stderr io.Writer) int {
	inv := &invocation{env: env, stdout: stdout, stderr: stderr, flagValues: map[string]string{}, flags: flag.NewFlagSet("plugin "+c.name, flag.ContinueOnError)}
	inv.flags.SetOutput(stderr)
	inv.flags.Usage = func() {
		_, _ = fmt.Fprintf(inv.flags.Output(), "plugin %s: %s\n\nFlags (each setting also as an environment variable):\n", c.name, c.summary)
		inv.flags.PrintDefaults()
	}
	if c.settings {
		for _, s := range config.Settings() {
			if s.Client && !c.client {
				continue
			}
			inv.flags.Func(s.Flag(), settingHelp(s), func(v string) error {
				inv.flagValues[s.Flag()] = v
				return nil
			})
		}
	}
	do := c.setup(inv)
	if err := inv.flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	return report(c.name, do(ctx, inv.flags.Args()), stderr)
}

// report prints an error and returns the exit code for it.
func report(name string, err error, stderr io.Writer) int {
	var silent *silentError
	var wrong *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &silent):
		return silent.code
	case errors.As(err, &wrong):
		_, _ = fmt.Fprintf(stderr, "plugin %s: not configured correctly:\n%v\n", name, err)
		return exitUsage
	default:
		_, _ = fmt.Fprintf(stderr, "plugin %s: %v\n", name, err)
		return exitFailure
	}
}

func settingHelp(s config.Setting) string {
	text := s.Env + ". " + s.Help
	if s.Default != "" {
		text += " Default: " + s.Default + "."
	}
	return text
}

func usage(w io.Writer) {
	_, _ = fmt.Fprint(w, "plugin turns clicks on Productboard's push button into issues of your tracker.\n\nUsage: plugin COMMAND [flags]\n\n")
	for _, c := range commands() {
		if c.hidden {
			continue
		}
		_, _ = fmt.Fprintf(w, "  %-8s %s\n", c.name, c.summary)
	}
	_, _ = fmt.Fprint(w, "\n`plugin COMMAND --help` lists a command's flags. Start with `plugin dev`.\n")
}

// noArgs refuses what is left after the flags.
func noArgs(args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("unexpected argument %q", args[0])}
	}
	return nil
}
