package httptarget

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/limits/jsonlimit"
	"pushbutton/internal/proof/boundtest"
)

// TestPathsSelectAsTheLibraryDoes: what .. finds is gathered here, in the same
// order.
func TestPathsSelectAsTheLibraryDoes(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`1`, `[]`, `{"a":[1,[2,{"a":3}],[[4]]]}`, `[[1,2],[3,[4,5]],{"b":{"a":[6,null]}}]`} {
		doc, err := decode([]byte(body))
		require.NoError(t, err)
		for _, text := range []string{"$", "$.a", "$..a", "$..*", "$..[0]", "$..[0,1]", "$[0]..[-1]", "$..[0:2]", "$[*]..[?@ == 3]", "$..['a','b']", "$['a','a']..[0,0]", "$..a[*]", "$[?@..a]"} {
			p, err := newEnv().parsePath(text)
			require.NoError(t, err, text)
			require.Equal(t, []any(p.p.Select(doc)), append([]any{}, p.nodes(doc)...), "%s in %s", text, body)
		}
	}
}

// TestNodesAreSelectedOnce: many values below many levels cost what they cost
// on the first one.
func TestNodesAreSelectedOnce(t *testing.T) {
	t.Parallel()
	const values, levels = 10_000, jsonlimit.MaxDepth - 1
	for _, text := range []string{"$..*", "$..[0,0,0]", "$['a','a']['a','a']['a','a']['a','a']..*"} {
		p, err := newEnv().parsePath(text)
		require.NoError(t, err)
		doc, err := decode([]byte(strings.Repeat(`{"a":`, levels) + "[1" + strings.Repeat(",1", values) + "]" + strings.Repeat("}", levels)))
		require.NoError(t, err)
		boundtest.Memory(t, values, boundtest.Limit{Base: 64 << 10, PerByte: 16 * 80}, func() { p.nodes(doc) })
	}
}
