package house

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// No source has a word that was replaced, in names, comments and texts. What
// tests read from files is theirs, and the table must name the words.
func TestVocabulary(t *testing.T) {
	t.Parallel()
	all, n := rules(), 0
	for name, text := range files(t, "*.go", "*.lua", ":!**/testdata/**", ":!internal/proof/house/vocabulary*.go") {
		n++
		for _, wrong := range replaced(all, name, text) {
			t.Error(wrong)
		}
	}
	require.Greater(t, n, 500, "git lists less than the repository has")
}

func TestReplaced(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		`a.go:2: "Bell" is not used here: say wake-up list`,
		`a.go:3: "look-out" is not used here: say rescuer`,
		`a.go:5: "leftovers" is not used here: say orphan, for the issue of an unlinked push`,
		`a.go:1: "pacing" is not used here: say rate limit`,
		"a.go:3: \"tells\\n// whether\" is not used here: say reports whether",
		`a.go:5: "twin" is not used here: say duplicate`,
		`a.go:2: "carryOut" is not used here: say apply`,
	}, replaced(rules(), "a.go", "// pacing of calls\n"+
		"func ringBell() { carryOut() }\n"+
		"// The look-out tells\n// whether it is so.\n"+
		`const text = "twin@example.com leftovers"`))
	require.Equal(t, []string{`internal/lookout.lua: the file's name has a word that is not used here: say rescuer`},
		replaced(rules(), "internal/lookout.lua", "-- nothing"))
}

// A word inside another, or across two words of a name, is none.
func TestReplacedLeavesOrdinaryWordsAlone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"spacing, backoffSpacing", "AfterASureFailure", "labelled", "carries out, carry out", "look out for it",
		"left over", "cannot tell whether", "what it tells: whether", "between"} {
		require.Empty(t, replaced(rules(), "a.go", text), text)
	}
}
