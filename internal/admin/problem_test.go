package admin_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin"
	"pushbutton/internal/fault"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	problemsPage = "../../docs/problems.md"
	tableBegins  = "<!-- table: made by admin.ProblemTable -->\n"
	tableEnds    = "<!-- table ends -->\n"
)

func TestProblemsAreDocumented(t *testing.T) {
	raw, err := os.ReadFile(problemsPage)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(raw), tableBegins)
	require.True(t, ok)
	table, tail, ok := strings.Cut(rest, tableEnds)
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile(problemsPage, []byte(head+tableBegins+admin.ProblemTable()+tableEnds+tail), 0o600))
		return
	}
	require.Equal(t, admin.ProblemTable(), table, "run: go test ./internal/admin -update")
	require.GreaterOrEqual(t, strings.Count(table, admin.ProblemPrefix), len(fault.Kinds())+10)
}

func TestEveryKindHasItsProblemType(t *testing.T) {
	seen := map[admin.ProblemType]fault.Kind{}
	for _, kind := range fault.Kinds() {
		of := admin.TypeOf(kind)
		require.NotContains(t, seen, of, kind)
		require.Equal(t, kind, (&admin.Problem{Type: of}).Kind())
		seen[of] = kind
	}
}
