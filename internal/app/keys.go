package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"pushbutton/internal/tenants"
)

// requireKeys returns an error if something is sealed with a key that is not
// configured.
func (a *App) requireKeys(ctx context.Context) error {
	missing, err := a.tenants.MissingKeys(ctx)
	if err != nil {
		return err
	}
	return missingKeys(missing)
}

// missing returns the keys that are not configured.
func (a *App) missing(uses map[string]int) map[string]int {
	out := map[string]int{}
	for id, n := range uses {
		if !a.keys.Has(id) {
			out[id] = n
		}
	}
	return out
}

func missingKeys(missing map[string]int) error {
	if len(missing) == 0 {
		return nil
	}
	var parts []string
	for _, id := range slices.Sorted(maps.Keys(missing)) {
		parts = append(parts, fmt.Sprintf("%q (%d integrations)", id, missing[id]))
	}
	return errors.New("credentials are sealed with keys that PLUGIN_ENCRYPTION_KEYS does not hold: " + strings.Join(parts, ", ") +
		". Put them back behind the first one; `plugin keys rotate` then makes them dispensable")
}

// progressEvery is how often a long rotation writes its progress.
const progressEvery = 2 * time.Second

// RotateKeys seals every credential with the first key, and writes the result to
// out. Its error means that something is left.
func (a *App) RotateKeys(ctx context.Context, out io.Writer) error {
	last := time.Now()
	r, err := a.tenants.Rotate(ctx, func(r tenants.Rotated) {
		if time.Since(last) >= progressEvery {
			last = time.Now()
			_, _ = fmt.Fprintf(out, "tenants %d, integrations %d, sealed anew %d\n", r.Tenants, r.Integrations, r.Resealed)
		}
	})
	if err != nil {
		return fmt.Errorf("stopped after %d integrations (%d sealed anew); run it again, it goes on: %w", r.Integrations, r.Resealed, err)
	}
	_, _ = fmt.Fprintf(out, "%d integrations of %d tenants: %d sealed anew with key %q\n", r.Integrations, r.Tenants, r.Resealed, a.keys.First())
	for _, err := range r.Broken {
		_, _ = fmt.Fprintf(out, "FAIL  %v\n", err)
	}
	if more := r.BrokenCount - int64(len(r.Broken)); more > 0 {
		_, _ = fmt.Fprintf(out, "FAIL  %d more\n", more)
	}
	for _, id := range slices.Sorted(maps.Keys(r.Older)) {
		_, _ = fmt.Fprintf(out, "still sealed with key %q: %d integrations\n", id, r.Older[id])
	}
	if r.BrokenCount > 0 {
		return fmt.Errorf("%d integrations could not be sealed anew", r.BrokenCount)
	}
	if len(r.Older) > 0 {
		return errors.New("something still seals with another key: restart every process with the new key in front, then run this again")
	}
	_, _ = fmt.Fprintln(out, "nothing is sealed with any other key: they can be taken out of PLUGIN_ENCRYPTION_KEYS")
	return nil
}
