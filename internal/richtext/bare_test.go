package richtext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"golang.org/x/net/html"
)

// bareAddresses are addresses as people write them in a text, and where
// browsers go with them.
var bareAddresses = map[string]string{
	"https://example.com/plain":          "https://example.com/plain",
	"http://localhost:8080":              "http://localhost:8080",
	"https://example.com/_x_*y*~z~/a_b_": "https://example.com/_x_*y*~z~/a_b_",
	"www.example.com":                    "http://www.example.com",
	"www.example.com/_x_":                "http://www.example.com/_x_",
	"ftp://example.com/_x_/a*b*c":        "ftp://example.com/_x_/a*b*c",
	"ftp://example.com/a_b":              "ftp://example.com/a_b",
	"ftp://example.com/ü|`_x_":           "ftp://example.com/ü|`_x_",
	"https://bücher.example/ü_x_y":       "https://xn--bcher-kva.example/%C3%BC_x_y",
	"https://ja.wikipedia.org/wiki/日本":   "https://ja.wikipedia.org/wiki/%E6%97%A5%E6%9C%AC",
	"https://example.com/a|b":            "https://example.com/a|b",
	"https://example.com/a`b`c":          "https://example.com/a%60b%60c",
	`https://example.com/a\b\_c`:         "https://example.com/a/b/_c",
	"https://example.com/?a&copy;=1&b=2": "https://example.com/?a&copy;=1&b=2",
	"https://example.com/@joe/#12!4":     "https://example.com/@joe/#12!4",
	"https://example.com/@joé/#12!4:x":   "https://example.com/@jo%C3%A9/#12!4:x",
	"https://example.com/{id}/$a$":       "https://example.com/%7Bid%7D/$a$",
	"https://example.com/[b](c)":         "https://example.com/[b](c)",
	"https://example.com/x_(y_(z))":      "https://example.com/x_(y_(z))",
}

// barePlaces are where an address may stand; "@" is the address.
var barePlaces = map[string]string{
	"text":            "<p>See @ now.</p>",
	"alone":           "<p>@</p>",
	"end of sentence": "<p>See @. Or @, or @!</p>",
	"brackets":        "<p>(see @) (@), [@]</p>",
	"quotes":          `<p>"@" '@' “@”</p>`,
	"bold":            "<p>(<b>@</b>) x<b>: @</b>, <b>@</b>.</p>",
	"in bold":         "<p><b>see @ now</b></p>",
	"before bold":     "<p>@<b> now</b> *</p>",
	"italic":          "<p><i>@</i> <s>@</s></p>",
	"cell":            "<table><tr><th>@</th><td>@, @</td></tr><tr><td><b>@</b></td></tr></table>",
	"heading":         "<h2>The @</h2>",
	"item":            "<ul><li>@</li><li>@<br>@</li></ul>",
	"quote":           "<blockquote>@</blockquote>",
}

func bareDialects() map[string]MarkdownOptions {
	return map[string]MarkdownOptions{
		"plain": {}, "GitHub": GitHubMarkdown(), "GitLab": GitLabMarkdown(), "Gitea": GiteaMarkdown(),
		"Linear": LinearMarkdown(), "Shortcut": ShortcutMarkdown(), "Redmine": RedmineCommonMark(),
	}
}

// TestBareAddressInMarkdown has a reader of GitHub Flavored Markdown show what
// was written: text and address must be the author's.
func TestBareAddressInMarkdown(t *testing.T) {
	t.Parallel()
	reader := goldmark.New(goldmark.WithExtensions(extension.GFM))
	for dialect, o := range bareDialects() {
		for place, source := range barePlaces {
			t.Run(dialect+"/"+place, func(t *testing.T) {
				for address, href := range bareAddresses {
					src := strings.ReplaceAll(source, "@", html.EscapeString(address))
					out := parse(t, src).Markdown(o)
					var page bytes.Buffer
					require.NoError(t, reader.Convert([]byte(out), &page))
					shown := shownBy(t, page.String())
					require.Equal(t, visible(shownBy(t, src).text), visible(shown.text), "text of\n%s", out)
					require.Len(t, shown.links, strings.Count(source, "@"), "links of\n%s\n%s", out, page.String())
					for _, l := range shown.links {
						require.Equal(t, address, l.text, "label in\n%s", out)
						require.Equal(t, plainAddress(href), plainAddress(l.href), "address in\n%s", out)
					}
				}
			})
		}
	}
}

// TestBareAddressIsALink: nothing that reads ADF or HTML looks for addresses.
func TestBareAddressIsALink(t *testing.T) {
	t.Parallel()
	for place, source := range barePlaces {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			for address, href := range bareAddresses {
				if strings.HasPrefix(address, "ftp") { // no link may lead there
					continue
				}
				d := parse(t, strings.ReplaceAll(source, "@", html.EscapeString(address)))
				requireSound(t, d)
				for name, links := range map[string][]shownLink{
					"HTML": shownBy(t, d.HTML()).links, "Asana": shownBy(t, d.AsanaXML()).links, "ADF": adfLinks(t, d.ADF()),
				} {
					require.Len(t, links, strings.Count(source, "@"), "%s, %s", name, address)
					for _, l := range links {
						require.Equal(t, shownLink{address, href}, l, name)
					}
				}
				require.Equal(t, strings.Count(source, "@"), strings.Count(d.Plain(), address), "the address is not shown twice")
			}
		})
	}
}

type shownLink struct{ text, href string }

// shownPage is what a reader sees of HTML.
type shownPage struct {
	text  string
	links []shownLink
}

func shownBy(t *testing.T, src string) shownPage {
	t.Helper()
	var page shownPage
	var text strings.Builder
	z, inLink := html.NewTokenizer(strings.NewReader(src)), false
	for {
		switch z.Next() {
		case html.ErrorToken:
			page.text = text.String()
			return page
		case html.TextToken:
			s := string(z.Text())
			text.WriteString(s)
			if inLink {
				page.links[len(page.links)-1].text += s
			}
		case html.StartTagToken:
			if tag := z.Token(); tag.Data == "a" {
				page.links, inLink = append(page.links, shownLink{href: attr(&tag, "href")}), true
			}
		case html.EndTagToken:
			if z.Token().Data == "a" {
				inLink = false
			}
		default:
		}
	}
}

// adfLinks are the links of a document in ADF, where each text node has its own.
func adfLinks(t *testing.T, out string) []shownLink {
	t.Helper()
	var doc adfTree
	require.NoError(t, json.Unmarshal([]byte(out), &doc))
	var links []shownLink
	var look func(n adfTree)
	look = func(n adfTree) {
		for _, m := range n.Marks {
			if m.Type == "link" {
				links = append(links, shownLink{*n.Text, fmt.Sprint(m.Attrs["href"])})
			}
		}
		for _, c := range n.Content {
			look(c)
		}
	}
	look(doc)
	return links
}
