package richtext

import (
	"github.com/stretchr/testify/require"
	"testing"
)

// TestSupAndSub looks for raised and lowered text in every form.
func TestSupAndSub(t *testing.T) {
	t.Parallel()
	d := parse(t, "<p>10<sup>6</sup> H<sub>2</sub>O</p>")
	for name, want := range map[string]string{
		"markdown":         "10<sup>6</sup> H<sub>2</sub>O",
		"markdown, linear": `10^6 H\_(2)O`,
		"textile":          "10" + texGap + "^6^ H" + texGap + "~2~&#79;",
		"wiki":             "10{^}6^ H{~}2{~}O",
		"html":             "<p>10<sup>6</sup> H<sub>2</sub>O</p>",
		"asana":            "<body>10^6 H_(2)O</body>",
		"plain":            "10^6 H_(2)O",
		"adf": `{"version":1,"type":"doc","content":[{"type":"paragraph","content":[{"type":"text","text":"10"},` +
			`{"type":"text","text":"6","marks":[{"type":"subsup","attrs":{"type":"sup"}}]},{"type":"text","text":" H"},` +
			`{"type":"text","text":"2","marks":[{"type":"subsup","attrs":{"type":"sub"}}]},{"type":"text","text":"O"}]}]}`,
	} {
		require.Equal(t, want, backends()[name](d), name)
	}
}

// TestSpelledScripts holds what stands for raised text to be read as nothing
// else.
func TestSpelledScripts(t *testing.T) {
	t.Parallel()
	for html, want := range map[string]string{
		"10<sup>6</sup>":                                     "10^6",
		"10<sup>6</sup>5":                                    "10^(6)5",
		"10<sup>6</sup>.5":                                   "10^(6).5",
		"10<sup>6</sup>,5":                                   "10^(6),5",
		"10<sup>6</sup>. And":                                "10^6. And",
		"10<sup>6</sup>&nbsp;000":                            "10^(6)\u00a0000",
		"10<sup>6</sup> m":                                   "10^6 m",
		"10<sup>-6</sup>":                                    "10^-6",
		"10<sup>6</sup>^2":                                   "10^(6)^2",
		"x<sup>n+1</sup>":                                    "x^(n+1)",
		"f<sup>2</sup>(x)":                                   "f^(2)(x)",
		"x<sub>1</sub><sup>2</sup>":                          "x_1^2",
		"x<sup>2<b>3</b></sup>4":                             "x^(23)4",
		"x<sub>i<sup>2</sup></sub>":                          "x_i^2",
		"<sup>1</sup> note":                                  "^1 note",
		"x<sup> 2 </sup>y":                                   "x ^2 y",
		"x<sup> </sup>y":                                     "x y",
		"x<sup></sup>y":                                      "xy",
		"x<sup>2<br>3</sup>4":                                "x^2\n^(3)4",
		"<code>x<sup>2</sup></code>y":                        "x^(2)y",
		"<pre>10<sup>6</sup>5<br>y</pre>":                    "10^(6)5\ny",
		"<pre>x<sub>1<br>2</pre>":                            "x_(1\n2)",
		"<pre>x<sup> </sup><sup>2<sub>3</pre>":               "x ^(2)_(3)",
		`see<a href="https://example.com/"><sup>1</sup></a>`: "see^1 (https://example.com/)",
	} {
		require.Equal(t, want, parse(t, html).Plain(), html)
	}
	code := parse(t, "<p><code>x<sup>2</sup></code></p>")
	require.Contains(t, code.ADF(), `"text":"x^2","marks":[{"type":"code"}]`, "ADF has no raised code")
	require.Equal(t, "{{x^2}}", code.Wiki())
}
