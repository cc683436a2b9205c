package register

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/settings"
)

// CheckItemFields says which of the names that a mapping uses no type of item
// has in this workspace. An item that lacks a field which others have is no
// mistake. It does not reach out for no names. Its error is fault.Invalid.
func CheckItemFields(ctx context.Context, pb Session, names []string) error {
	if len(names) == 0 {
		return nil
	}
	known := map[string]bool{}
	var people []string // as people see them, for suggestions
	for c, err := range pb.ListConfigurations(ctx) {
		if err != nil {
			return err
		}
		for id, f := range c.Fields {
			known[strings.ToLower(id)], known[strings.ToLower(f.Name)] = true, true
			people = append(people, f.Name)
		}
	}
	slices.Sort(people)
	var missing []string
	for _, name := range names {
		if known[strings.ToLower(name)] {
			continue
		}
		text := fmt.Sprintf("%q", name)
		if s := settings.Suggest(name, people); s != "" {
			text += " (did you mean " + s + "?)"
		}
		missing = append(missing, text)
	}
	if len(missing) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "check mapping", "The templates name fields that no item in this Productboard workspace has: "+strings.Join(missing, ", ")+".")
}
