package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"

	"pushbutton/config"
	"pushbutton/internal/app"
	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/backup"
)

const tenantsUsage = "say export TENANT, import TENANT, repoint TENANT, suspend TENANT or resume TENANT"

// tenantFlags are the flags of `plugin tenants`.
type tenantFlags struct {
	recipient, passphrase, identity, reason string
}

func tenantsCommand() command {
	return command{name: "tenants", settings: true, summary: "export or import a tenant as one encrypted file, and move it: tenants export | import | repoint | suspend | resume TENANT", setup: func(inv *invocation) func(context.Context, []string) error {
		var f tenantFlags
		inv.flags.StringVar(&f.recipient, "recipient", "", "export: the age public `KEY` (age1...) that can open the file")
		inv.flags.StringVar(&f.passphrase, "passphrase-file", "", "export, import: a `FILE` with the passphrase, instead of keys")
		inv.flags.StringVar(&f.identity, "identity-file", "", "import: a `FILE` with the age private key that opens the file")
		inv.flags.StringVar(&f.reason, "reason", "", "suspend: why, for whoever reads the tenant")
		return func(ctx context.Context, args []string) error {
			if len(args) < 2 {
				return &usageError{errors.New(tenantsUsage)}
			}
			verb, tenant := args[0], args[1]
			if err := inv.flags.Parse(args[2:]); err != nil { // they may follow as well
				return &silentError{code: exitUsage}
			}
			if err := noArgs(inv.flags.Args()); err != nil {
				return err
			}
			if !tenants.ValidTenantID(tenant) {
				return &usageError{fmt.Errorf("a tenant's id has 1 to %d of the characters a-z, 0-9 and -", tenants.MaxTenantID)}
			}
			do, needs, err := inv.tenants(f, verb, tenant)
			if err != nil {
				return err
			}
			cfg, err := inv.load(nil, append(needs, config.EncryptionKeys)...)
			if err != nil {
				return err
			}
			return app.WithApp(ctx, cfg, inv.logger(cfg), version, func(ctx context.Context, a *app.App) error {
				return publicly(do(ctx, a))
			})
		}
	}}
}

// tenants makes what the arguments ask for, and names the settings it needs.
func (inv *invocation) tenants(f tenantFlags, verb, tenant string) (do func(context.Context, *app.App) error, needs []string, err error) {
	switch verb {
	case "export":
		to, err := f.encryptTo()
		if err == nil && terminal(inv.stdout) {
			err = errors.New("the file goes to standard output; send it to a file: > FILE")
		}
		if err != nil {
			return nil, nil, &usageError{err}
		}
		return func(ctx context.Context, a *app.App) error {
			return a.ExportTenant(ctx, bare(inv.stdout), inv.stderr, tenant, to)
		}, nil, nil
	case "import":
		keys, err := f.openWith()
		if err != nil {
			return nil, nil, &usageError{err}
		}
		return func(ctx context.Context, a *app.App) error {
			file, done, err := seekable(inv.env.stdin)
			if err != nil {
				return err
			}
			defer done()
			return a.ImportTenant(ctx, file, inv.stderr, tenant, keys)
		}, []string{config.PublicURL}, nil
	case "repoint":
		return func(ctx context.Context, a *app.App) error { return a.RepointTenant(ctx, inv.stdout, tenant) }, []string{config.PublicURL}, nil
	case "suspend":
		if n := len([]rune(f.reason)); n == 0 || n > tenants.MaxReason {
			return nil, nil, &usageError{fmt.Errorf("--reason is required, with at most %d characters", tenants.MaxReason)}
		}
		return func(ctx context.Context, a *app.App) error { return a.SuspendTenant(ctx, tenant, f.reason) }, nil, nil
	case "resume":
		return func(ctx context.Context, a *app.App) error { return a.ResumeTenant(ctx, tenant) }, nil, nil
	default:
		return nil, nil, &usageError{errors.New(tenantsUsage)}
	}
}

// encryptTo is whom an export is encrypted to.
func (f tenantFlags) encryptTo() (age.Recipient, error) {
	switch {
	case f.identity != "" || (f.recipient == "") == (f.passphrase == ""):
		return nil, errors.New("export takes either --recipient or --passphrase-file")
	case f.recipient != "":
		to, err := backup.Recipient(f.recipient)
		return to, flagError("--recipient", err)
	default:
		phrase, err := readSecret(f.passphrase)
		if err != nil {
			return nil, err
		}
		to, err := backup.WithPassphrase(phrase)
		return to, flagError("--passphrase-file", err)
	}
}

// openWith returns the identities that an import is decrypted with.
func (f tenantFlags) openWith() ([]age.Identity, error) {
	switch {
	case f.recipient != "" || (f.identity == "") == (f.passphrase == ""):
		return nil, errors.New("import takes either --identity-file or --passphrase-file")
	case f.identity != "":
		text, err := readSecret(f.identity)
		if err != nil {
			return nil, err
		}
		keys, err := backup.Identities(text)
		return keys, flagError("--identity-file", err)
	default:
		phrase, err := readSecret(f.passphrase)
		if err != nil {
			return nil, err
		}
		keys, err := backup.ByPassphrase(phrase)
		return keys, flagError("--passphrase-file", err)
	}
}

func flagError(flag string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %w", flag, err)
}

// readSecret reads a file with one secret, without the end of its last line.
func readSecret(path string) (secret.String, error) {
	raw, err := readAtMost(path, backup.MaxKeyText+1)
	if err != nil {
		return secret.String{}, err
	}
	if len(raw) > backup.MaxKeyText {
		return secret.String{}, fmt.Errorf("%s is larger than %d bytes", path, backup.MaxKeyText)
	}
	return secret.New(string(bytes.TrimRight(raw, "\r\n"))), nil
}

// seekable makes a file of what comes in, since it is read twice: itself, or a
// copy, encrypted as it is, which done removes.
func seekable(in io.Reader) (file io.ReadSeeker, done func(), err error) {
	if f, ok := in.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return f, func() {}, nil
		}
	}
	f, err := os.CreateTemp("", "plugin-import-*.age")
	if err != nil {
		return nil, nil, err
	}
	done = func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
	if _, err := io.Copy(f, in); err != nil {
		done()
		return nil, nil, err
	}
	return f, done, nil
}

// publicly puts what an operator has to read in front of what it came of.
func publicly(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Public == "" || f.Err == nil {
		return err
	}
	return fmt.Errorf("%s [%w]", f.Public, err)
}
