package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../../.."

// Every page that git tracks is written in sentences that a reader takes in at
// once. What tests read is none.
func TestProse(t *testing.T) {
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-co", "--exclude-standard", "*.md", ":!**/testdata/**")
	list.Dir = root
	names, err := list.Output()
	if err != nil {
		t.Skip("no git checkout: which pages belong to it is not known")
	}
	for name := range strings.Lines(string(names)) {
		name = strings.TrimSpace(name)
		page, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		require.NoError(t, err)
		for _, wrong := range prose(name, string(page)) {
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
