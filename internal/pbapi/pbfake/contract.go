package pbfake

import (
	"net/netip"
	"net/url"
	"strings"
)

// What Productboard's published descriptions of plugin integrations and
// entities (API v2, 2026-08) say of requests, written down once more: the
// client's own structs are of no use to a witness.

// The states of a connection.
const (
	StateInitial   = "initial"
	StateProgress  = "progress"
	StateConnected = "connected"
	StateError     = "error"
)

// EntityTypes are the types of entities that Productboard has.
func EntityTypes() []string {
	return []string{
		"product", "component", "feature", "subfeature", "initiative", "objective", "keyResult", "release", "releaseGroup", "company", "user",
	}
}

// Colors are the colours that a connected button can have.
func Colors() []string {
	return []string{"gray", "blue", "green", "yellow", "orange", "red", "purple"}
}

const unbounded = 1 << 30

// contract holds the rules of all request bodies, and of the answer to a
// click.
type contract struct {
	createIntegration rule
	patchIntegration  rule
	putConnection     rule
	searchConnections rule
	searchEntities    rule
	// answer is what a plugin must answer to a click; legacyAnswer is its
	// shape for integrations that were made through API v1.
	answer       rule
	legacyAnswer rule
}

func newContract() contract {
	state := connectionState()
	put := data(must(object(map[string]field{"connection": must(state)})))
	return contract{
		createIntegration: data(must(object(map[string]field{
			"type":              must(text(1, 255)),
			"name":              must(text(1, 255)),
			"integrationStatus": may(enum("enabled", "disabled")),
			"initialState":      must(initialState()),
			"action":            must(action()),
		}))),
		patchIntegration: data(must(object(map[string]field{
			"name":              may(text(1, 255)),
			"integrationStatus": may(enum("enabled", "disabled")),
			"initialState":      may(initialState()),
			"action":            may(action()),
		}))),
		putConnection: put,
		searchConnections: object(map[string]field{"data": may(object(map[string]field{
			"filter": may(object(map[string]field{
				"state":    may(list(enum(StateConnected, StateError, StateProgress, StateInitial))),
				"entityId": may(list(text(0, unbounded, isUUID))),
			})),
		}))}),
		searchEntities: entitySearch(),
		answer:         put,
		legacyAnswer:   object(map[string]field{"data": must(object(map[string]field{"connection": must(state)}))}),
	}
}

// data wraps a rule for fields into {"data":{"fields":...}}.
func data(fields field) rule {
	return object(map[string]field{"data": must(object(map[string]field{"fields": fields}))})
}

func initialState() rule {
	return object(map[string]field{"label": must(text(1, 10))})
}

func action() rule {
	return object(map[string]field{
		"url":     must(text(0, 1024, isPublicHTTPS)),
		"version": must(constant(1)),
		"headers": may(object(map[string]field{"authorization": may(text(0, 2048, isHeaderValue))})),
	})
}

func connectionState() rule {
	return byState(map[string]rule{
		StateConnected: object(map[string]field{
			"state":      must(enum(StateConnected)),
			"label":      must(text(1, 20)),
			"hoverLabel": must(text(1, 20)),
			"tooltip":    must(text(1, 50)),
			"color":      must(enum(Colors()...)),
			"targetUrl":  must(text(1, 1000, isURI)),
		}),
		StateError: object(map[string]field{
			"state":       must(enum(StateError)),
			"message":     must(text(1, 255)),
			"debugDetail": may(readOnly("debugDetail")),
		}),
		StateProgress: object(map[string]field{"state": must(enum(StateProgress))}),
		StateInitial:  object(map[string]field{"state": must(enum(StateInitial))}),
	})
}

func entitySearch() rule {
	ref := list(object(map[string]field{"id": may(text(0, unbounded, isUUID))}))
	return object(map[string]field{"data": may(object(map[string]field{
		"filter": may(object(map[string]field{
			"type":          may(list(enum(EntityTypes()...))),
			"id":            may(list(text(0, unbounded, isUUID))),
			"fields":        may(object(map[string]field{"name": may(text(0, 255)), "archived": may(boolean)})),
			"relationships": may(object(map[string]field{"parent": may(ref)})),
		})),
		"return": may(object(map[string]field{"fields": may(returnFields)})),
	}))})
}

// returnFields is "all", "default" or a list of field ids.
func returnFields(v any, at string, report func(problem)) {
	if _, isText := v.(string); isText {
		enum("all", "default")(v, at, report)
		return
	}
	list(text(0, unbounded))(v, at, report)
}

// readOnly refuses a field that only Productboard sets.
func readOnly(name string) rule {
	return func(_ any, at string, report func(problem)) {
		report(problem{at, false, "The field '" + name + "' is read-only."})
	}
}

func isHeaderValue(s string) string {
	for _, r := range s {
		if r < ' ' && r != '\t' || r == 0x7f {
			return "The value must be usable as a header: no line breaks, no control characters."
		}
	}
	return ""
}

// isPublicHTTPS holds what is published of action URLs: https, and no
// localhost, private or internal address.
func isPublicHTTPS(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return "The value must be an https URL."
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		if !ip.IsGlobalUnicast() || ip.IsPrivate() {
			return "The URL must be publicly reachable: " + host + " is a private address."
		}
		return ""
	}
	for _, suffix := range []string{"localhost", "local", "internal", "localdomain", "lan"} {
		if host == suffix || strings.HasSuffix(host, "."+suffix) {
			return "The URL must be publicly reachable: " + host + " is an internal name."
		}
	}
	if !strings.Contains(host, ".") {
		return "The URL must be publicly reachable: " + host + " is an internal name."
	}
	return ""
}
