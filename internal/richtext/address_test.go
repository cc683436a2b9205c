package richtext

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLinkAddress compares with what the URL standard's parser makes of each
// address; "" is an address that no link may lead to.
func TestLinkAddress(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ in, want string }{
		"as it is":            {"https://example.com/a?b=c#d", "https://example.com/a?b=c#d"},
		"a space":             {"https://acme.sharepoint.com/Shared Documents/Spec v2.docx", "https://acme.sharepoint.com/Shared%20Documents/Spec%20v2.docx"},
		"a bare percent sign": {"https://example.com/100%/50%zz?q=5%", "https://example.com/100%/50%zz?q=5%"},
		"line breaks":         {" https://example.com/a\r\n\tb\n", "https://example.com/ab"},
		"control characters":  {"\x01https://example.com/a\x07b", "https://example.com/a%07b"},
		"backslashes":         {`https:\\example.com\a\b?c\d`, `https://example.com/a/b?c\d`},
		"slashes missing":     {"https:example.com", "https://example.com"},
		"too many slashes":    {"https:////example.com/a", "https://example.com/a"},
		"capital letters":     {"HTTPS://Example.com/A", "https://Example.com/A"},
		"no scheme":           {"www.example.com/a b", "http://www.example.com/a%20b"},
		"no scheme, a port":   {"WWW.example.com:8080/x", "http://WWW.example.com:8080/x"},
		"the page's scheme":   {"//example.com/a", "https://example.com/a"},
		"letters":             {"https://example.com/ü?ä=ö#é", "https://example.com/%C3%BC?%C3%A4=%C3%B6#%C3%A9"},
		"other signs":         {`https://example.com/{a}^"<b>` + "`c`?{d}'\"e`#<f>`{g}", "https://example.com/%7Ba%7D%5E%22%3Cb%3E%60c%60?{d}%27%22e`#%3Cf%3E%60{g}"},
		"half a character":    {"https://example.com/\xff", "https://example.com/%EF%BF%BD"},
		"a host of letters":   {"https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"},
		"and a port":          {"http://Bücher.example:80/", "http://xn--bcher-kva.example:80/"},
		"an encoded host":     {"https://b%C3%BCcher.example", "https://xn--bcher-kva.example"},
		"a full-width host":   {"https://ｅｘａｍｐｌｅ.com", "https://example.com"},
		"an underscore":       {"https://a_b.example.com", "https://a_b.example.com"},
		"numbers":             {"http://192.0.2.1:8080/x", "http://192.0.2.1:8080/x"},
		"brackets":            {"http://[2001:db8::1]:8080/x", "http://[2001:db8::1]:8080/x"},
		"a user":              {"https://jane:p@ss w@example.com/", "https://jane:p%40ss%20w@example.com/"},
		"mail":                {"mailto:jane@example.com", "mailto:jane@example.com"},
		"mail with a subject": {"mailto:jane@example.com?subject=Your idea&body=50%\n", "mailto:jane@example.com?subject=Your%20idea&body=50%"},
		"mail to nobody yet":  {"mailto:?subject=An idea", "mailto:?subject=An%20idea"},

		"no host":                {"https:///", ""},
		"a space in the host":    {"https://a b", ""},
		"a sign in the host":     {"https://a<b.example", ""},
		"an encoded sign in it":  {"https://a%2Fb.example", ""},
		"a control in the host":  {"https://a%00b.example", ""},
		"half a character in it": {"https://a%FFb.example", ""},
		"no number for a port":   {"https://example.com:port/", ""},
		"too large a port":       {"https://example.com:65536/", ""},
		"an open bracket":        {"http://[::1/", ""},
		"no address in brackets": {"http://[example.com]/", ""},
		"a zone":                 {"http://[fe80::1%25eth0]/", ""},
		"no place":               {"mailto:", ""},
		"script":                 {"java\nscript:alert(1)", ""},
		"relative":               {"/pages/1", ""},
		"a file":                 {"file://server/share", ""},
		"a share":                {`\\server\share`, ""},
		"nothing":                {" \n", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := linkAddress(tt.in)
			require.Equal(t, tt.want, got)
			require.Equal(t, got, linkAddress(got), "encoding twice")
		})
	}
	require.Empty(t, linkAddress("https://"+strings.Repeat("ü", 1<<20)), "a host that is too long to look at")
}

// TestLinkKeepsItsAddress: browsers open all of these.
func TestLinkKeepsItsAddress(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ href, address string }{
		"a space":      {"https://acme.sharepoint.com/Shared Documents/Spec.docx", "https://acme.sharepoint.com/Shared%20Documents/Spec.docx"},
		"percent":      {"https://example.com/100%", "https://example.com/100%"},
		"a line break": {"https://example.com/a&#10;b", "https://example.com/ab"},
		"a subject":    {"mailto:jane@example.com?subject=Your idea", "mailto:jane@example.com?subject=Your%20idea"},
		"no scheme":    {"www.example.com", "http://www.example.com"},
		"letters":      {"https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := parse(t, `<p>See <a href="`+tt.href+`">this</a> one.</p>`)
			require.Equal(t, "See [this]("+tt.address+") one.", d.Markdown(MarkdownOptions{}))
			require.Equal(t, `<p>See <a href="`+tt.address+`">this</a> one.</p>`, d.HTML())
			require.Contains(t, d.ADF(), `{"type":"link","attrs":{"href":"`+tt.address+`"}}`)
			require.Contains(t, d.Wiki(), "[this|"+tt.address+"]")
			require.Contains(t, d.Textile(), `"this":`+strings.SplitN(tt.address, ":", 2)[0])
			require.Contains(t, d.Plain(), strings.TrimPrefix(tt.address, "mailto:"))
		})
	}
}

// TestRefusedAddressIsShown: what no link may lead to stands behind the text.
func TestRefusedAddressIsShown(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ html, want string }{
		"a file":             {`<p>the <a href="file://server/plans/q3.xlsx">plan</a>.</p>`, "the plan (file://server/plans/q3.xlsx)."},
		"a share":            {`<p><a href="\\server\share\q3.xlsx">plan</a></p>`, `plan (\\server\share\q3.xlsx)`},
		"an application":     {`<p><a href="slack://channel?id=C1">channel</a> x</p>`, "channel (slack://channel?id=C1) x"},
		"relative":           {`<p><a href="/pages/1">page</a></p>`, "page (/pages/1)"},
		"no scheme":          {`<p><a href="example.com/a b">page</a></p>`, "page (example.com/a b)"},
		"a broken host":      {`<p><a href="https://exa mple.com">page</a></p>`, "page (https://exa mple.com)"},
		"spaces around":      {`<p>a<a href="ftp://example.com"> b </a>c</p>`, "a b (ftp://example.com) c"},
		"bold":               {`<p><b><a href="ftp://example.com">b</a></b> c</p>`, "b (ftp://example.com) c"},
		"shown already":      {`<p><a href="ftp://example.com">ftp://example.com</a> <a href="/x">at /x</a></p>`, "ftp://example.com at /x"},
		"a picture":          {`<p><a href="/x"><img src="https://example.com/i.png" alt="pic"></a></p>`, "pic (https://example.com/i.png) (/x)"},
		"around blocks":      {`<a href="/x"><p>one</p><p>two</p></a><p>three</p>`, "one (/x)\n\ntwo\n\nthree"},
		"never closed":       {`<p><a href="/x">one<p>two`, "one (/x)\n\ntwo"},
		"in a cell":          {`<table><tr><td><a href="/x">one<td>two</table>`, "one (/x) | two"},
		"no text":            {`<p>a<a href="/x"></a> b <a href="/y"> </a>c</p>`, "a b c"},
		"no address":         {`<p><a href="#">a</a> <a href=" ">b</a> <a>c</a></p>`, "a b c"},
		"Productboard's own": {`<p><a href="urn:pb:node:mention:1">@J</a></p>`, "@J"},
		"a script":           {`<p><a href="java&#10;script:alert(1)">js</a></p>`, "js (javascript:…)"},
		"content":            {`<p><a href="data:text/html;base64,AAAA">d</a></p>`, "d (data:…)"},
		"in code":            {`<pre><a href="/x">a</a> b</pre>`, "a b"},
		"lines":              {`<p><a href="file:///a&#10;b">a</a></p>`, "a (file:///ab)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := parse(t, tt.html)
			requireSound(t, d)
			require.Equal(t, tt.want, d.Plain())
		})
	}
	long := parse(t, `<p><a href="x:`+strings.Repeat("y", 1<<20)+`">a</a></p>`).Plain()
	require.Less(t, len(long), 3000, "the rest of an address that nobody reads is cut")
	require.True(t, strings.HasSuffix(long, "y…)"))
}
