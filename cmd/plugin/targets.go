package main

import (
	"context"
	"fmt"
	"strings"

	"pushbutton/internal/targets/catalog"
	"pushbutton/internal/targets/settings"
)

func targetsCommand() command {
	return command{name: "targets", summary: "list the trackers that can be pushed to, or tell all about one: targets | targets describe NAME", setup: func(inv *invocation) func(context.Context, []string) error {
		return func(_ context.Context, args []string) error {
			switch {
			case len(args) == 0:
				return catalog.WriteList(inv.stdout)
			case len(args) == 2 && args[0] == "describe":
				kind, ok := catalog.ByType(args[1])
				if !ok {
					return &usageError{unknownTarget(args[1])}
				}
				_, err := fmt.Fprint(inv.stdout, catalog.Describe(kind))
				return err
			default:
				return &usageError{fmt.Errorf("say nothing, or describe NAME")}
			}
		}
	}}
}

func unknownTarget(name string) error {
	var names []string
	for _, k := range catalog.Kinds() {
		names = append(names, k.Type)
	}
	text := fmt.Sprintf("there is no tracker %q, only %s", name, strings.Join(names, ", "))
	if s := settings.Suggest(name, names); s != "" {
		text += " (did you mean " + s + "?)"
	}
	return fmt.Errorf("%s", text)
}
