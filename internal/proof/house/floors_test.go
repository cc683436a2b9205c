package house

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// listed returns the packages of this module.
func listed(t *testing.T) []pkg {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	list.Dir = root
	out, err := list.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, list.Start())
	var all []pkg
	for dec := json.NewDecoder(out); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		all = append(all, p)
	}
	require.NoError(t, list.Wait())
	return all
}

// Arrows between the rooms point down.
func TestFloors(t *testing.T) {
	all := listed(t)
	require.Greater(t, len(all), 50, "go list found less than the module has")
	for _, wrong := range misplaced(all) {
		t.Error(wrong)
	}
	rooms, imports := arrows(all)
	t.Logf("%d packages in %d rooms, %d arrows between rooms", len(all), rooms, imports)
}

// Every room of the table exists, so that the table cannot grow old.
func TestFloorsHoldRooms(t *testing.T) {
	used := map[string]bool{}
	for _, p := range listed(t) {
		if at, ok := placeOf(p.ImportPath[len(module):]); ok {
			used[at.room] = true
		}
	}
	for _, f := range floors() {
		for _, room := range f.rooms {
			require.True(t, used[room], "%s has no package", room)
		}
	}
}

func TestMisplaced(t *testing.T) {
	of := func(path string, imports ...string) []pkg {
		p := pkg{ImportPath: module + path, Imports: []string{"fmt"}}
		for _, i := range imports {
			p.Imports = append(p.Imports, module+i)
		}
		return []pkg{p}
	}
	require.Empty(t, misplaced(of("internal/actions", "internal/connections", "internal/fault")))
	require.Empty(t, misplaced(of("internal/targets/jira", "internal/targets")), "inside a room")
	require.Equal(t, []string{"internal/limits/breaker imports internal/tenants/register, which is on a floor above (tenants): " +
		"arrows point down, since a limit counts what others do and knows nothing about it"},
		misplaced(of("internal/limits/breaker", "internal/tenants/register")))
	require.Equal(t, []string{"internal/jobs imports internal/actions, which is on the same floor (runs): " +
		"arrows point down, since what a click does, the queue, and what people do about pushes meet in the composition alone"},
		misplaced(of("internal/jobs", "internal/actions")))
	require.Equal(t, []string{"internal/util stands on no floor; give it a room, or the room a floor in internal/proof/house/floors.go"},
		misplaced(of("internal/util", "internal/fault")))
}

// The README's map has every room.
func TestReadmeMapsTheRooms(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	for _, f := range floors() {
		for _, room := range f.rooms {
			if !strings.Contains(string(page), "`"+room) {
				t.Errorf("the map in README.md lacks %s", room)
			}
		}
	}
}
