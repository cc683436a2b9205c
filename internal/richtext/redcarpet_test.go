package richtext

import (
	"github.com/stretchr/testify/require"
	"strings"
	"testing"
)

func TestRedcarpet(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ html, want string }{
		"marks":              {"<b>b</b> <i>i</i> <u>u</u> <s>s</s> <code>c</code>", "**b** *i* _u_ ~~s~~ `c`"},
		"nested":             {"<b>a <i>b</i></b> <b>c <u>d</u></b>", "__a *b*__ **c _d_**"},
		"raised and lowered": {"10<sup>6</sup>5 x<sub>i</sub>, <sup>a)</sup> <b>y<sup><i>b</i></sup></b> <sup><a href='https://x.io'>1</a></sup>", "10^(6)5 x_i, ^(a&#41;) __&#121;*^(b)*__ [&#94;1](https://x.io)"},
		"in a word":          {"a<b>b</b>c d<i>e</i>f", "&#97;**b**c &#100;*e*&#102;"},
		"all at once":        {"<b><i><u>x</u></i></b> <u>y</u>", "__*x*__ _y_"},
		"signs":              {"_x_ 2^10 *y* ~~z~~ a_b c * d ~5", `\_x\_ 2\^10 \*y\* \~\~z\~\~ a_b c * d ~5`},
		"in a mark":          {"<b>a*b_c[d]^e</b>", "**a&#42;b&#95;c&#91;d&#93;&#94;e**"},
		"breaks":             {"<p>a<br>b<br><br>c</p>", "a\nb\n&nbsp;\nc"},
		"line starts":        {"<p># a<br>- b<br>1. c<br>&gt; d<br>+ e<br>===<br>|---|<br>-5</p>", "\\# a\n\\- b\n1\\. c\n\\> d\n\\+ e\n\\===\n\\|---|\n-5"},
		"names":              {"@joe #1 ##2 #note-3 r12 version:1.0 [[Page]] {{toc}} !x", "&#64;joe &#35;1 &#35;&#35;2 &#35;note-3 r&#49;2 version&#58;1.0 &#91;\\[Page]] &#123;{toc}} &#33;x"},
		"mail":               {"joe@x.io [ann@x.io] a_b@x.io", "joe@x.io &#91;ann@x.io] a_b&#64;x.io"},
		"addresses": {
			"https://x.io/a_b, https://x.io/a?b=1&amp;copy=2 www.x.io/*a* (https://x.io)",
			`https://x.io/a_b, [https://x.io/a?b=1&copy=2](https://x.io/a?b=1&copy=2) [www.x.io/&#42;a&#42;](http://www.x.io/*a*) (<https://x.io>)`,
		},
		"links": {
			`<a href="https://x.io/(a)?b=[c]&amp;d=é|">x]</a> <b><a href="https://x.io/_*">y</a></b>`,
			"[x&#93;](https://x.io/%28a%29?b=%5Bc%5D&d=%C3%A9%7C) **[y](https://x.io/%5F%2A)**",
		},
		"a link that shows its address": {`<a href="https://x.io/a">https://x.io/a</a> <a href="mailto:joe@x.io">joe@x.io</a>`, "<https://x.io/a> <joe@x.io>"},
		"code":                          {"<code>a`b</code> <b><code>x*y</code></b> <a href='https://x.io'><code>[z]</code></a>", "``a`b`` `x*y` [&#91;z&#93;](https://x.io)"},
		"code at the start":             {"<code>a``b</code>", rcGap + "```a``b```"},
		"headings":                      {"<h2>a<br>C#</h2>", "## a C&#35;"},
		"lists": {
			"<ul><li>a<br>b<ol><li>c<ul><li>d</li></ul></li></ol></li><li>e</li></ul>",
			"- a  \n    b\n    1. c\n        - d\n- e",
		},
		"an item of several blocks": {"<ul><li>a</li><li>b<p>c<br>d</p></li><li>e<br>f</li></ul>", "- a\n- b\n\n    c\n    d\n- e\n    f"},
		"lists in a row":            {"<ul><li>a</li></ul><ul><li>b</li></ul><ol><li>c</li></ol>", "- a\n\n" + rcGap + "\n\n- b\n\n1. c"},
		"lists in an item":          {"<ol><li>a<ul><li>b</li></ul><ul><li>c</li></ul></li></ol>", "1. a\n    - b\n\n    " + rcGap + "\n    - c"},
		"quotes in a row":           {"<blockquote>a</blockquote><blockquote>b</blockquote>", "> a\n\n" + rcGap + "\n\n> b"},
		"checklist":                 {`<ul><li data-checked="true">a</li><li data-checked="false">(b)</li></ul>`, "- [x] a\n- [ ] &#40;b)"},
		"code in an item":           {"<ul><li>a<pre>b\n\n- c</pre></li><li><pre>d</pre></li></ul>", "- a\n\n    ```\n    b\n\n    - c\n    ```\n- \n\n    ```\n    d\n    ```"},
		"code with a fence":         {"<pre>```\nx\n```</pre>", "    ```\n    x\n    ```"},
		"table": {
			"<table><tr><th>a|b<th>c<tr><td>d<br>e<td><ul><li>f</li></ul><tr><th><code>g|h</code></table>",
			"| a&#124;b | c |\n| --- | --- |\n| d e | • f |\n| **`g`&#124;`h`** |",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, parse(t, tt.html).Redcarpet())
		})
	}
}

// Redcarpet drops, without a trace, what is nested too deep for it.
func TestRedcarpetIsShallow(t *testing.T) {
	t.Parallel()
	lists := parse(t, strings.Repeat("<ul><li>x", 6))
	require.Equal(t, "- x\n    - x\n        - x\n            - x\n\n                • x\n                \u00a0\u00a0• x", lists.Redcarpet())
	quotes := parse(t, strings.Repeat("<blockquote>", 14)+"<ul><li><b><i><s><a href='https://x.io'>y</a></s></i></b>")
	require.Equal(t, strings.Repeat("> ", 13)+`\> • [y](https://x.io)`, quotes.Redcarpet())
}
