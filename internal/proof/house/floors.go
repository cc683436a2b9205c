package house

import (
	"fmt"
	"sort"
	"strings"
)

// module is the module whose packages stand on the floors.
const module = "pushbutton/"

// A floor is a level of the house: its rooms know those of the floors below,
// and no others.
type floor struct {
	name  string
	rooms []string
	why   string
}

// floors lists the floors from the ground up. A room is a folder with all that
// is below it; inside a room the compiler's ban of circles is enough.
func floors() []floor {
	return []floor{
		{"ground", []string{"internal/fault", "internal/richtext", "internal/secret", "internal/telemetry"},
			"what every room may use knows none of them"},
		{"redis", []string{"internal/redisdb"},
			"how Redis is reached does not depend on what is kept there"},
		{"limits", []string{"internal/limits"},
			"a limit counts what others do and knows nothing about it"},
		{"network", []string{"internal/outbound"},
			"the one way out treats all peers alike"},
		{"contracts", []string{"config", "internal/pbapi"},
			"what Productboard and the operator write is read without knowing what becomes of it"},
		{"trackers", []string{"internal/targets"},
			"a tracker knows nothing of buttons, tenants and Productboard's wire format"},
		{"records", []string{"internal/connections"},
			"the record does not depend on who changes it"},
		{"tenants", []string{"internal/tenants"},
			"what is configured does not depend on what is done with it"},
		{"runs", []string{"internal/actions", "internal/hooks", "internal/jobs", "internal/probe", "internal/pushes", "internal/refresh"},
			"what a click does, the queue, and what people do about pushes meet in the composition alone"},
		{"fronts", []string{"internal/admin", "internal/server"},
			"HTTP stays at the edge"},
		{"composition", []string{"internal/app"},
			"one room knows all others and connects them"},
		{"program", []string{"cmd"},
			"flags, environment and exit codes stay in the program"},
		{"proof", []string{"internal/proof"},
			"what proves the program is no part of it"},
	}
}

// A place is where a room stands.
type place struct {
	room  string
	level int
}

// placeOf finds the room of a package, whose path is relative to the module.
func placeOf(pkg string) (place, bool) {
	for level, f := range floors() {
		for _, room := range f.rooms {
			if pkg == room || strings.HasPrefix(pkg, room+"/") {
				return place{room, level}, true
			}
		}
	}
	return place{}, false
}

// A pkg is a package with what it imports, as go list -json prints it.
type pkg struct {
	ImportPath string
	Imports    []string
}

// misplaced returns a sentence for each package without a floor and for each
// import that does not point down.
func misplaced(all []pkg) []string {
	var wrong []string
	for _, p := range all {
		path := strings.TrimPrefix(p.ImportPath, module)
		from, ok := placeOf(path)
		if !ok {
			wrong = append(wrong, path+" stands on no floor; give it a room, or the room a floor in internal/proof/house/floors.go")
			continue
		}
		for _, imported := range p.Imports {
			other, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			to, ok := placeOf(other)
			if !ok || to.room == from.room || to.level < from.level {
				continue // a package without a floor has its own sentence
			}
			where := "the same floor"
			if to.level > from.level {
				where = "a floor above"
			}
			wrong = append(wrong, fmt.Sprintf("%s imports %s, which is on %s (%s): arrows point down, since %s",
				path, other, where, floors()[to.level].name, floors()[from.level].why))
		}
	}
	sort.Strings(wrong)
	return wrong
}

// arrows counts the rooms of some packages, and the imports from room to room.
func arrows(all []pkg) (rooms, imports int) {
	seen, pairs := map[string]bool{}, map[[2]string]bool{}
	for _, p := range all {
		from, ok := placeOf(strings.TrimPrefix(p.ImportPath, module))
		if !ok {
			continue
		}
		seen[from.room] = true
		for _, imported := range p.Imports {
			other, ours := strings.CutPrefix(imported, module)
			if to, ok := placeOf(other); ours && ok && to.room != from.room {
				pairs[[2]string{from.room, to.room}] = true
			}
		}
	}
	return len(seen), len(pairs)
}
