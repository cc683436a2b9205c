package richtext

import (
	"github.com/stretchr/testify/require"
	"strings"
	"testing"
)

// TestPictures looks for a trace of every picture, and for what is said of it.
func TestPictures(t *testing.T) {
	t.Parallel()
	const left = "(picture not included"
	for src, tt := range map[string]struct {
		want    string
		remarks Remarks
	}{
		`<img src="https://example.com/a.png" alt="A">`:                   {"A (https://example.com/a.png)", Remarks{}},
		`<img src="//example.com/a.png" alt="A">`:                         {"A (https://example.com/a.png)", Remarks{}},
		`<img src="https://example.com/a.png">`:                           {"image (https://example.com/a.png)", Remarks{}},
		`<img src="data:image/png;base64,AAAA" alt="A">`:                  {left + ": A)", Remarks{EmbeddedPictures: 1}},
		`<img src="DATA:image/png;base64,AAAA">`:                          {left + ")", Remarks{EmbeddedPictures: 1}},
		`<img src=" data:image/svg+xml,<svg> %">`:                         {left + ")", Remarks{EmbeddedPictures: 1}},
		`<img src="http://example.com/a.png" alt="A">`:                    {left + ": A) (http://example.com/a.png)", Remarks{InsecurePictures: 1}},
		`<img src="HTTP://example.com/a b.png">`:                          {left + ") (http://example.com/a%20b.png)", Remarks{InsecurePictures: 1}},
		`<img src="http:" alt="A">`:                                       {left + ": A)", Remarks{InsecurePictures: 1}},
		`<img src="/files/a.png" alt="A">`:                                {left + ": A)", Remarks{LocalPictures: 1}},
		`<img src="a b.png">`:                                             {left + ")", Remarks{LocalPictures: 1}},
		`<img src="www.example.com/a.png">`:                               {left + ")", Remarks{LocalPictures: 1}},
		`<img src="blob:https://example.com/1" alt="A">`:                  {left + ": A)", Remarks{LocalPictures: 1}},
		`<img src="javascript:alert(1)">`:                                 {left + ")", Remarks{LocalPictures: 1}},
		`<img src="mailto:joe@example.com">`:                              {left + ")", Remarks{LocalPictures: 1}},
		`<img alt="A">`:                                                   {"A", Remarks{}},
		`<img>`:                                                           {"", Remarks{}},
		`<img src="urn:pb:node:emoji:1" alt=":tada:">`:                    {":tada:", Remarks{}},
		`<a href="https://example.com/p"><img src="/a.png" alt="A"></a>`:  {left + ": A) (https://example.com/p)", Remarks{LocalPictures: 1}},
		`<pre>x<img src="/a.png" alt="A">y</pre>`:                         {"x" + left + ": A)y", Remarks{LocalPictures: 1}},
		`<pre><img src="https://example.com/a.png" alt="A"></pre>`:        {"A (https://example.com/a.png)", Remarks{}},
		`<table><tr><td><img src="/a.png"><td><img src="/b.png"></table>`: {left + ") | " + left + ")", Remarks{LocalPictures: 2}},
	} {
		d := parse(t, src)
		require.Equal(t, tt.want, d.Plain(), src)
		require.Equal(t, tt.remarks, d.Remarks(), src)
	}
	d := parse(t, `<p>x</p><p><img src="data:,x" alt="*a* [b]"></p>`)
	for name, render := range backends() {
		require.Equal(t, 1, strings.Count(render(d), "picture not included: "), name)
	}
}

// TestRemarksOfJoinedDocuments holds what was left out to be told of the whole,
// cut or not.
func TestRemarksOfJoinedDocuments(t *testing.T) {
	t.Parallel()
	a, b := parse(t, `<img src="data:,x">`), parse(t, `<img src="/x"><img src="data:,y">`)
	all := a.Append(Rule(), b)
	require.Equal(t, Remarks{EmbeddedPictures: 2, LocalPictures: 1}, all.Remarks())
	require.Equal(t, Remarks{EmbeddedPictures: 1}, a.Remarks())
	require.Equal(t, all.Remarks(), Fit(all, Limit{Max: 30}, Doc.Plain).Doc.Remarks())
}
