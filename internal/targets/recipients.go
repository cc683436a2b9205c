package targets

import (
	"slices"

	"pushbutton/internal/targets/settings"
)

// Recipients returns, by credential, the first address that this target sends it
// to and the other one does not: a scheme, host or port that the other's settings
// do not lead it to. Whoever moves a credential there has to know it. A nil other
// sends nothing.
func (t *Target) Recipients(other *Target) map[string]settings.Address {
	known := map[string]bool{}
	if other != nil {
		for _, name := range other.opts.credentials {
			for _, a := range other.sends(name) {
				known[name+" "+a.Origin()] = true
			}
		}
	}
	out := map[string]settings.Address{}
	for _, name := range t.opts.credentials {
		for _, a := range t.sends(name) {
			if _, told := out[name]; !told && !known[name+" "+a.Origin()] {
				out[name] = a
			}
		}
	}
	return out
}

// sends lists the addresses that a credential may be sent to.
func (t *Target) sends(credential string) []settings.Address {
	out := slices.Clone(t.opts.reached)
	if more, ok := Ability[Addressed](t.driver); ok {
		for _, a := range more.Addresses() {
			if a.Credentials == nil || slices.Contains(a.Credentials, credential) {
				out = append(out, a)
			}
		}
	}
	return out
}
