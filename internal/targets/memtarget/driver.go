// Package memtarget is the reference tracker: a small tracker in memory with
// an HTTP face (Tracker), and the driver that speaks with it. It serves
// `plugin dev` and the tests; it can misbehave on request, and keeps books of
// every create it ever carried out, so that a test can count from outside.
//
// What must not live here: a page for browsers, and anything that a real
// tracker would not know (tenants, buttons).
package memtarget

import (
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
)

type driver struct {
	http *outbound.Client
	cfg  config
}

// Traits implements targets.Driver.
func (d *driver) Traits() targets.Traits {
	return targets.Traits{Name: name, Limits: targets.TextLimits{Title: maxTitle, Description: maxDescription}, Lookup: targets.LookupSearch, Consistency: d.cfg.lag}
}

// Kind describes the adapter.
func Kind() targets.Kind {
	return targets.Kind{
		Type:        "memory",
		Title:       name,
		Settings:    settingFields(),
		Credentials: credentialFields(),
		Driver:      (*driver)(nil),
		Guide:       guide(),
		New:         open,
	}
}
