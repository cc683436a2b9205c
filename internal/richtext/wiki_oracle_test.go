package richtext

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWriteWikiDocuments writes documents nobody would write by hand for the
// check in internal/proof/conformance/wikimarkup, which reads them with Atlassian's
// own parser: marks and links that begin and end anywhere, around characters
// that mean something, in every place. `make wikimarkup` runs both.
func TestWriteWikiDocuments(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("WIKIMARKUP_DIR") //nolint:forbidigo // a test's own switch
	if dir == "" {
		t.Skip("only for make wikimarkup, which sets WIKIMARKUP_DIR")
	}
	count := 200
	if s := os.Getenv("WIKIMARKUP_RANDOM_DOCS"); s != "" { //nolint:forbidigo // a test's own switch
		_, err := fmt.Sscan(s, &count)
		require.NoError(t, err)
	}
	for seed := range count {
		d := placed(randomDoc(rand.New(rand.NewPCG(uint64(seed), 2))), seed%5)
		name := filepath.Join(dir, fmt.Sprintf("random_%03d", seed))
		require.NoError(t, os.WriteFile(name+".adf.json", []byte(d.ADF()+"\n"), 0o600))
		require.NoError(t, os.WriteFile(name+".wiki", []byte(d.Wiki()+"\n"), 0o600))
	}
}
