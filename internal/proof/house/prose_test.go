package house

import (
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../../.."

// files yields the names and texts of the files that git tracks or would add, by
// git's path patterns.
func files(t *testing.T, patterns ...string) iter.Seq2[string, string] {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", append([]string{"ls-files", "-co", "--exclude-standard"}, patterns...)...)
	list.Dir = root
	names, err := list.Output()
	if err != nil {
		t.Skip("no git checkout: which files belong to it is not known; CI has one")
	}
	return func(yield func(name, text string) bool) {
		for name := range strings.Lines(string(names)) {
			name = strings.TrimSpace(name)
			text, err := os.ReadFile(filepath.Join(root, name))
			if os.IsNotExist(err) {
				continue // deleted, and not committed yet
			}
			require.NoError(t, err)
			if !yield(name, string(text)) {
				return
			}
		}
	}
}

// Every page that git tracks is written in sentences that a reader takes in at
// once. What tests read is none.
func TestProse(t *testing.T) {
	for name, page := range files(t, "*.md", ":!**/testdata/**") {
		for _, wrong := range prose(name, page) {
			t.Error(wrong)
		}
	}
}

func TestSentences(t *testing.T) {
	page := "# A heading of no weight\n\n" +
		"One two `three three` four. Five\nsix: seven; eight, e.g. nine!\n" +
		"| a | table |\n```\ncode. code.\n```\n" +
		"- An item (see [a page](a/very/long.md)).\n- 1.5 MB is a number\n" +
		"<!-- made by\na test. -->\nLast."
	var words, lines []int
	for _, s := range sentences(page) {
		words, lines = append(words, s.words), append(lines, s.line)
	}
	require.Equal(t, []int{4, 6, 5, 5, 1}, words)
	require.Equal(t, []int{3, 3, 9, 10, 13}, lines)
}

func TestProseSaysWhatIsWrong(t *testing.T) {
	long := strings.Repeat("word ", maxSentence) + "word."
	require.Empty(t, prose("page.md", "Short. "+strings.TrimPrefix(long, "word ")))
	require.Equal(t, []string{
		"page.md:1: a sentence of 31 words, 30 are allowed: " + long,
		"page.md: sentences have 31.0 words on average, 16 are allowed",
	}, prose("page.md", long))
}
