package targets

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/settings"
)

// Kind is a type of tracker, described as data: the reader of settings, the
// documentation and a form are all made from it.
type Kind struct {
	// Type is the name in settings ("redmine"); Title is for people.
	Type, Title string
	// Settings and Credentials describe what New is given. Every credential
	// is Secret.
	Settings    []settings.Field
	Credentials []settings.Field
	// Account names settings that say, beside the addresses and the
	// credentials, whose rate limits count: two integrations that differ in
	// them do not share any.
	Account []string
	// Driver is a nil driver of this kind: its methods say which optional
	// abilities there are.
	Driver Driver
	// New makes a driver of decoded settings. It does not reach out. Errors
	// of single settings are FieldErrors.
	New func(Config, Deps) (Driver, error)
	// SharedHook reads a webhook that one app of the tracker sends for the places
	// of all its installations; nil: the tracker has no such webhooks. Its errors are
	// those of HookReader.
	SharedHook func(signing secret.String, h Hook) (SharedEvents, error)
	// Guide is the admin's guide.
	Guide Guide
}

// account is a digest of what the tracker counts its limits by: integrations
// with the same one share them.
func (k Kind) account(values settings.Values, creds map[string]secret.String) string {
	sum := sha256.New()
	part := func(name, value string) { fmt.Fprintf(sum, "%d:%s%d:%s", len(name), name, len(value), value) }
	part("type", k.Type)
	for _, f := range k.Settings {
		if f.Type == settings.TypeURL || slices.Contains(k.Account, f.Name) {
			part(f.Name, values.String(f.Name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(creds)) {
		part(name, creds[name].Reveal())
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// Guide is what an admin needs to know of a kind of tracker. docs/trackers.md and
// `plugin targets describe` show it.
type Guide struct {
	// Permissions is exactly what the credential must be allowed to do.
	Permissions string
	// Token is how to make one, step by step.
	Token string
	// Notes are peculiarities worth knowing, a sentence or two each.
	Notes []string
	// Errors lists what the tracker's commonest refusals mean.
	Errors []GuideError
	// Hook is how an admin sets the webhook up by hand, a step each. HookAddress and
	// HookSecret stand where the integration's own go.
	Hook []string
}

// The placeholders of Guide.Hook.
const (
	HookAddress = "{address}"
	HookSecret  = "{secret}"
)

// GuideError is a message on a button and what to do.
type GuideError struct{ Says, Means string }

// AllSettings is the kind's own settings and those that every kind has.
func (k Kind) AllSettings() []settings.Field {
	return append(slices.Clone(k.Settings), k.mappingFields()...)
}

// Config holds the settings and credentials of a driver: both parts are decoded against the
// kind's fields, so required ones are there and defaults are filled in. The
// settings that every kind has are the shared layer's business.
type Config struct {
	Settings    settings.Values
	Credentials map[string]secret.String
}

// OneCredential returns the one credential of two that is set, and whether it is
// the second. Neither and both are errors.
func (c Config) OneCredential(first, second string) (given secret.String, isSecond bool, errs settings.FieldErrors) {
	a, b := c.Credentials[first], c.Credentials[second]
	switch {
	case a.Empty() && b.Empty():
		return a, false, settings.FieldErrors{{Path: "credentials." + first, Message: "is required (or " + second + ")"}}
	case !a.Empty() && !b.Empty():
		return a, false, settings.FieldErrors{{Path: "credentials." + second, Message: "must not stand beside " + first + ": give one of them"}}
	case a.Empty():
		return b, true, nil
	default:
		return a, false, nil
	}
}

// Deps is what drivers and Targets need from the outside.
type Deps struct {
	// HTTP is the one way out.
	HTTP *outbound.Client
	// Timeout and CheckTimeout are those of Options.
	Timeout, CheckTimeout time.Duration
	// Observe is that of Options.
	Observe func(Observation)
	// Quota, if set, returns the memory of an account's rate limits. account names
	// it without revealing its credentials.
	Quota func(account string) Quota
}

// Open makes a Target of raw settings. It does not reach out. Its error is a
// *fault.Error that wraps FieldErrors with everything that is wrong; paths
// start with "settings." or "credentials.".
func (k Kind) Open(given map[string]any, credentials map[string]secret.String, deps Deps) (*Target, error) {
	values, errs := settings.Decode("settings", k.AllSettings(), given)
	creds, credErrs := settings.DecodeCredentials(k.Credentials, credentials)
	mapping, mapErrs := newMapping(values)
	if errs = slices.Concat(errs, credErrs, mapErrs); len(errs) > 0 {
		return nil, errs.Fault()
	}
	driver, err := k.New(Config{Settings: values, Credentials: creds}, deps)
	if err != nil {
		if fields, ok := errors.AsType[settings.FieldErrors](err); ok {
			return nil, fields.Fault()
		}
		return nil, fault.Wrap(fault.Invalid, settings.Op, err)
	}
	reached, named := settings.Addresses("settings", k.Settings, values)
	opts := Options{Type: k.Type, mapping: mapping, secrets: secret.NewMask(settings.MaskedLines(creds)...),
		addresses: named, reached: reached, credentials: slices.Sorted(maps.Keys(creds)), http: deps.HTTP,
		Timeout: deps.Timeout, CheckTimeout: deps.CheckTimeout, Observe: deps.Observe}
	if deps.Quota != nil {
		opts.Quota = deps.Quota(k.account(values, creds))
	}
	return New(driver, opts), nil
}
