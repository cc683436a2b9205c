package richtext

import (
	"github.com/stretchr/testify/require"
	"strings"
	"testing"

	"pushbutton/internal/proof/boundtest"
)

func TestBreakText(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		o        MarkdownOptions
		in, want string // "‹" is an invisible break
	}{
		"GitLab": {
			GitLabMarkdown(), `@joe #1 !2 &3 %4 ~bug %"v 1" GL-7 [TOC] g/p#5 :tada:`,
			`@‹joe #‹1 !‹2 &‹3 %‹4 ~‹bug %‹"v 1" GL-‹7 [‹TOC] g/p#‹5 :‹tada:`,
		},
		"Gitea":           {GiteaMarkdown(), "@joe fixes #1, o/r!3", "@‹joe fixes #‹1, o/r!‹3"},
		"markup is text":  {GitLabMarkdown(), "/close *a* _b_ `c` <d> \\e &amp; &lt; &copy; [f](g) # 1. | $x$", "/close *a* _b_ `c` <d> \\e &amp; &lt; &copy; [f](g) # 1. | $x$"},
		"addresses":       {GitLabMarkdown(), "see https://example.com/@joe/#12, @joe", "see https://example.com/@joe/#12, @‹joe"},
		"before one":      {GitLabMarkdown(), "#https://example.com", "#‹https://example.com"},
		"a broken one":    {GitLabMarkdown(), "https://exa|mple:x/#12", "https://exa|mple:x/#‹12"},
		"mail":            {GitLabMarkdown(), "joe@example.com", "joe@example.com"},
		"not a reference": {GitLabMarkdown(), "50% off: C# & F# @ 3 $ now!", "50% off: C# & F# @ 3 $ now!"},
		"no dialect":      {MarkdownOptions{}, "@joe #1 \\*", "@joe #1 \\*"},
		"empty":           {GitLabMarkdown(), "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tt.o.BreakText(tt.in)
			require.Equal(t, tt.want, strings.ReplaceAll(got, "\u200b", "‹"))
			require.Equal(t, tt.in, strings.ReplaceAll(got, "\u200b", ""), "nothing else changes")
		})
	}
}

// FuzzBreakText holds every text to be whole again without the breaks.
func FuzzBreakText(f *testing.F) {
	f.Add("@joe #1 \\* &amp; <b> https://example.com/#1 `x` *iteration:1")
	f.Add(boundtest.Fill("", "@a#1", ""))
	f.Add(boundtest.Fill("", "http://", ""))
	f.Add(boundtest.Fill("", "`", ""))
	f.Fuzz(func(t *testing.T, s string) {
		s = cleanText(s)
		for _, o := range []MarkdownOptions{GitLabMarkdown(), GiteaMarkdown(), LinearMarkdown(), ShortcutMarkdown(), RedmineCommonMark()} {
			var got string
			boundtest.Memory(t, len(s), boundtest.Limit{Base: 4 << 10, PerByte: 60}, func() { got = o.BreakText(s) })
			if strings.ReplaceAll(got, "\u200b", "") != strings.ReplaceAll(s, "\u200b", "") {
				t.Fatalf("%q became %q", s, got)
			}
		}
	})
}
