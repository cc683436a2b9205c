package richtext

import (
	"github.com/stretchr/testify/require"
	"strings"
	"testing"
)

func TestDialects(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		o          MarkdownOptions
		html, want string // "~" is an invisible break
	}{
		"GitHub": {
			GitHubMarkdown(),
			"<p>@joe @org/team #1 o/r#2 GH-3, fixes #4. $a$ costs $ 5 :tada: at 10:30:15 d6cd1e2bd1</p>",
			`@~joe @~org/team #~1 o/r#~2 GH-~3, fi~xes #~4. \$a$ costs $ 5 :~tada: at 10:~30:15 d6cd1e2bd1`,
		},
		"GitLab": {
			GitLabMarkdown(),
			`<p>/close<br>@joe #1 !2 $3 %4 %v1 %"v 1" &amp;5 g/p&amp;5 ^alert#6 GL-7 50% off, ^x</p>`,
			"\\/close\\\n@‹joe #‹1 !‹2 \\$‹3 %‹4 %‹v1 %‹\"v 1\" &‹5 g/p&‹5 ^alert#‹6 GL-‹7 50% off, ^x",
		},
		"GitLab's labels and forms": {
			GitLabMarkdown(),
			`<p>~1 ~bug ~"two words" [vulnerability:1] [TOC] [[_TOC_]] *iteration:1 {+ new +} [- old -] [x] {y}</p>`,
			`\~‹1 \~‹bug \~‹"two words" \[‹vulnerability:1\] \[‹TOC\] \[‹\[\_TOC\_\]\] \*‹iteration:1 {‹+ new +} \[‹- old -\] \[x\] {y}`,
		},
		"Gitea": {
			GiteaMarkdown(),
			"<p>@joe #1 o/r#2 o/r!3 reopens #4 :+1:</p>",
			"@~joe #~1 o/r#~2 o/r!~3 re~opens #~4 :~+1:",
		},
		"Linear": {
			LinearMarkdown(),
			"<p>@joe ENG-12 (A1-3) eng-4 x-ENG-5 UTF-8 #1</p><table><tr><td>a<br>b</table>",
			"@~joe ENG-~12 (A1-~3) eng-4 x-ENG-~5 UTF-~8 #1\n\n| a b |\n| --- |",
		},
		"Shortcut": {
			ShortcutMarkdown(),
			"<p>@joe sc-12 [sc-13] CH14 [ch15] chapter ch</p>",
			`@~joe sc-~12 \[sc-~13\] CH~14 \[ch~15\] chapter ch`,
		},
		"Redmine": {
			RedmineCommonMark(),
			"<p>@joe #1 version:1.0 r12 [[Page]] {{toc}} :tada: $a$</p>",
			`@~joe #~1 version:~1.0 r~12 \[~\[Page\]\] {~{toc}} :tada: $a$`,
		},
		"code stays": {
			GitLabMarkdown(),
			"<p><code>@joe #1 ~bug :x: $y$</code></p>",
			"`@joe #1 ~bug :x: $y$`",
		},
		"a first rule is no metadata": {
			GitLabMarkdown(), "<hr><p>a</p><hr>", "___\n\na\n\n---",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := parse(t, tt.html).Markdown(tt.o)
			require.Equal(t, strings.ReplaceAll(tt.want, "‹", "~"), strings.ReplaceAll(got, wordBreak, "~"))
		})
	}
}

func TestWiki(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ html, want string }{
		"text stays text": {
			"<p>*b* _i_ -d- +u+ ^s^ ~s~ ??c?? {color:red} [~joe] [x|http://a] !i.png! a-b x_y 2*3 c:\\d</p>",
			`\*b\* \_i\_ \-d\- \+u\+ \^s\^ \~s\~ \?\?c\?\? &#123;color:red&#125; \[\~joe] \[x\|[http://a]] \!i.png! a-b x_y 2*3 c:&#92;d`,
		},
		"blocks stay text": {
			"<p>h1. a<br>bq. b<br># c<br>* d<br>- e<br>|f|<br>----</p>",
			"h1&#46; a\nbq&#46; b\n\\# c\n\\* d\n\\- e\n\\|f\\|\n\\-\\-\\-\\-",
		},
		"emoticons":           {"<p>:) ;-) :D :P (y) (x) a(b) Path: D</p>", `:\) ;\-) :&#68; :&#80; \(y) \(x) a(b) Path: D`},
		"emoticons by marks":  {"<p>x <s>a;</s>)</p>", `x -a;-\)`},
		"issue keys":          {"<p>ENG-12 eng-12 UTF-8 1-2</p>", `ENG\-12 eng-12 UTF\-8 1-2`},
		"references":          {"<p>&amp;lt; &amp; AT&amp;T &amp;#42;</p>", "&amp;lt; & AT&T &amp;#42;"},
		"marks at borders":    {"<p><b>a</b> (<i>b</i>) <u>c</u>, <s>d</s></p>", `*a* \(_b_) +c+, -d-`},
		"marks in words":      {"<p>a<b>b</b>c é<i>d</i> <s>e</s>中</p>", "a{*}b{*}c é{_}d_ -e{-}中"},
		"marks in marks":      {"<p><b>a*b <i>c_d</i> e-f</b></p>", "*a&#42;b _c&#95;d_ e-f*"},
		"marks end at a line": {"<p><b>a<br>b</b></p>", "*a*\n*b*"},
		"code":                {"<p><code>a*b {x}</code> x<code> y </code></p>", "{{a*b &#123;x&#125;}} x {{y}}"},
		"links": {
			`<p><a href="https://example.com/a|b]">x [y]</a> <a href="https://example.com">https://example.com</a> https://example.com/a_b.</p>`,
			"[x &#91;y&#93;|https://example.com/a%7Cb%5D] [https://example.com] https://example.com/a_b.",
		},
		"code blocks": {
			`<pre>a</pre><pre class="language-go">b</pre><pre class="language-cobol">c</pre><pre>{noformat}</pre><pre>{code} {noformat}</pre>`,
			"{noformat}\na\n{noformat}\n\n{code:go}\nb\n{code}\n\n{noformat}\nc\n{noformat}\n\n{code:none}\n{noformat}\n{code}\n\n" +
				"{{&#123;code&#125; &#123;noformat&#125;}}",
		},
		"lists": {
			"<ol><li>a<br>b<ul><li>c</li></ul>d</li><li><ul><li>e</li></ul></li><li><pre>f</pre></li></ol>",
			"# a\nb\n#* c\n# d\n# \u00a0\n#* e\n# {noformat}\nf\n{noformat}",
		},
		"tables": {
			"<table><tr><th>a|b<td>c</tr><tr><td>d<br>e<ul><li>f</li></ul></tr><tr><td><ul><li>g</li></ul>h<td></table>",
			"|| a&#124;b | c |\n| d\ne\n* f | |\n| • g\nh | |",
		},
		"a quote in a quote": {
			"<blockquote>a<blockquote>b</blockquote></blockquote>", "{quote}\na\n\n> b\n{quote}",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, parse(t, tt.html).Wiki())
		})
	}
}

func TestFlatten(t *testing.T) {
	t.Parallel()
	quote := parse(t, `<blockquote><h1>h</h1><table><tr><th>a<td>b<ul><li>c</li></ul><tr><td>d</table><hr><ul><li data-checked="true">e</li></ul></blockquote>`)
	require.Equal(t, "<body><blockquote><strong>h</strong>\n\n<strong>a</strong> | b • c\nd\n\n☑ e</blockquote></body>", quote.AsanaXML())
	item := parse(t, "<ol start=3><li>a<blockquote>q</blockquote><pre>x\n\ny</pre></li></ol>")
	require.Equal(t, "<body><ol><li>a\n&gt; q\n<code>x</code>\n\n<code>y</code></li></ol></body>", item.AsanaXML())
	mail := Paragraph(Link("us", "mailto:us@example.com"), Text(" "), Link("us@example.com", "mailto:us@example.com"))
	require.Equal(t, "<body>us (us@example.com) us@example.com</body>", mail.AsanaXML())
}

func TestEmptyDocuments(t *testing.T) {
	t.Parallel()
	require.JSONEq(t, `{"version":1,"type":"doc","content":[]}`, Doc{}.ADF())
	require.Equal(t, "<body></body>", Doc{}.AsanaXML())
	require.Empty(t, Doc{}.HTML()+Doc{}.Wiki())
}

// TestEveryBlockEverywhere puts every block into every container in every
// container and holds what comes out to the formats' rules.
func TestEveryBlockEverywhere(t *testing.T) {
	t.Parallel()
	blocks := []string{
		"", "text", "<p>a<br>b</p>", "<p><b><code>x</code></b></p>", `<p><a href="https://example.com"><code>x</code></a></p>`,
		"<h1>h</h1>", "<h6>h</h6>", "<pre><b>code</b></pre>", `<pre class="language-go">x</pre>`, "<hr>", "<blockquote>q</blockquote>",
		"<ul><li>i</li></ul>", "<ol start=0><li>i</li><li></li></ol>", `<ul><li data-checked="true">d<p>more</p></li></ul>`,
		`<ul><li data-checked="false"></li></ul>`, "<table><tr><th>h<td>c<tr><td></table>",
		"<table><tr><th rowspan=2>h<td>c<tr><td><tr><td colspan=2>d</table>",
	}
	containers := []string{
		"@", "<blockquote>@</blockquote>", "<ul><li>@</li></ul>", "<ol start=5><li>@</li><li>@</li></ol>", "<ul><li>a @ b</li></ul>",
		`<ul><li data-checked="true">@</li></ul>`, `<ul data-checked="false"><li>a<ul data-checked="true"><li>@</li></ul></li></ul>`,
		"<table><tr><th>@</th><td>a @ b</td></tr><tr><td>@</table>",
	}
	for _, outer := range containers {
		for _, inner := range containers {
			for _, b := range blocks {
				d := parse(t, strings.ReplaceAll(outer, "@", strings.ReplaceAll(inner, "@", b)))
				sameWords(t, d, checkADF(t, d.ADF()))
				sameWords(t, d, checkHTML(t, d.HTML()))
				sameWords(t, d, checkAsana(t, d.AsanaXML()))
			}
		}
	}
}
