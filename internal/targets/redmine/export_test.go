package redmine

import (
	"context"
	"flag"

	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

// What the tests outside the package need of its inside.

// Update has the golden files written anew.
var Update = flag.Bool("update", false, "write the golden files anew")

type (
	Ref          = ref
	Issue        = issue
	CustomField  = customField
	FieldsReply  = fieldsReply
	ProjectReply = projectReply
)

func Pick(all []ref, name string) (ref, bool) { return pick(all, name) }

func Carries(i issue, field int, marker targets.Marker) bool { return i.hasMarker(field, marker) }

// ShownFormat returns the text format that a Redmine shows.
func ShownFormat(ctx context.Context, http *outbound.Client, url, key string) string {
	return newDriver(config{url: url, key: secret.New(key)}, http).readTextFormat(ctx, &resolved{})
}
