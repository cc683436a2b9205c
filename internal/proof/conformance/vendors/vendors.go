// Package vendors holds the HTTP exchanges of the trackers' adapters, and of
// the fakes that they are tested with, against what the vendors publish of
// their APIs: OpenAPI files, a GraphQL schema, a JSON schema.
//
// What must not live here: anything about one tracker. A tracker's test names
// its file and what is left out of it.
package vendors

import (
	"os"
	"path/filepath"
	"testing"
)

// dirVar is the environment variable that names the schemas' folder.
const dirVar = "TRACKER_SPECS"

// File finds a vendor's schema: in $TRACKER_SPECS, or beside the repository,
// whose root is given. Where there is none the test skips and says so.
func File(t testing.TB, root, name string) string {
	t.Helper()
	dir := os.Getenv(dirVar) //nolint:forbidigo // a setting of the tests, not of the program
	if dir == "" {
		dir = filepath.Join(root, "..", "shared", "trackers", "specs")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil { //nolint:gosec // whoever runs the tests names the folder
		t.Skipf("the vendor's schema %s is not there: set %s to its folder", name, dirVar)
	}
	return path
}
