package github

import (
	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

// readSharedHook implements targets.Kind.SharedHook for the one webhook of a GitHub
// App. Each event names the installation and the repository that it came from.
func readSharedHook(signing secret.String, h targets.Hook) (targets.SharedEvents, error) {
	if err := h.Bounded(); err != nil {
		return targets.SharedEvents{}, err
	}
	event, events, err := readIssueEvent(signing, h)
	if err != nil || len(events) == 0 {
		return targets.SharedEvents{}, err
	}
	if event.Installation.ID <= 0 || event.Repository.ID <= 0 {
		return targets.SharedEvents{}, fault.New(fault.Invalid, opHook, "The webhook names no installation and repository: it is not a GitHub App's.")
	}
	return targets.SharedEvents{Route: route(event.Installation.ID, event.Repository.ID), Events: events}, nil
}
