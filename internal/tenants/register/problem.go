package register

import (
	"slices"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// Problem is one thing that is wrong with an integration, and where.
type Problem struct {
	// Field is one of the Field constants, or "target." with the path of one
	// of the target's own fields.
	Field string
	// Err says what is wrong; for people it is Message.
	Err error
}

// Message returns the sentence that a person may read.
func (p Problem) Message() string {
	f := fault.From(p.Err)
	if f.Public != "" {
		return f.Public
	}
	if f.Side == fault.SidePlugin && f.Kind != fault.Internal {
		return "This plugin's store cannot be reached."
	}
	return "The plugin failed. Ask its operator to look into its log."
}

// Problems is everything that is wrong with one integration. Of its errors the
// first counts for what kind of failure it is.
type Problems []Problem

func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, one := range p {
		texts[i] = one.Field + ": " + one.Err.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the errors.
func (p Problems) Unwrap() []error {
	errs := make([]error, len(p))
	for i, one := range p {
		errs[i] = one.Err
	}
	return errs
}

// The names of an integration's secrets, beside "target.credentials." and the
// name of one.
const (
	secretAction     = "actionSecret"
	secretCredential = "target.credentials."
)

// secrets are an integration's secrets by name, the empty ones left out.
func secrets(in tenants.Integration) map[string]secret.String {
	all := map[string]secret.String{
		secretAction:                      in.ActionAuth,
		"productboard.token":              in.Productboard.Token,
		"productboard.oauth.clientSecret": in.Productboard.ClientSecret,
		"productboard.jwt.privateKey":     in.Productboard.PrivateKey,
	}
	for name, value := range in.Target.Credentials {
		all[secretCredential+name] = value
	}
	for name, value := range all {
		if value.Empty() {
			delete(all, name)
		}
	}
	return all
}

// secretsSet returns when each secret of an integration was set: now, where it
// is not what the stored one has.
func secretsSet(stored *tenants.Integration, in tenants.Integration, now time.Time) map[string]time.Time {
	before := tenants.Integration{}
	if stored != nil {
		before = *stored
	}
	was, set := secrets(before), map[string]time.Time{}
	for name, value := range secrets(in) {
		set[name] = now.Truncate(time.Second)
		if at, ok := before.SecretsSet[name]; ok && was[name].Equal(value.Reveal()) {
			set[name] = at
		}
	}
	return set
}

// SecretsOf lists the names of the secrets that an integration has, and when
// each was last set; a zero time where that is not known.
func SecretsOf(in tenants.Integration) (names []string, set map[string]time.Time) {
	for name := range secrets(in) {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, in.SecretsSet
}
