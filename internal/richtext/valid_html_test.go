package richtext

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

var htmlElements = strings.Fields("p h1 h2 h3 h4 h5 h6 strong em u s sup sub code pre blockquote ul ol li table tr th td hr br a")

// checkHTML holds out to balanced elements of the list, and returns its text.
func checkHTML(t *testing.T, out string) string {
	t.Helper()
	var open []string
	var text strings.Builder
	z := html.NewTokenizer(strings.NewReader(out))
	for {
		switch z.Next() {
		case html.ErrorToken:
			require.ErrorIs(t, z.Err(), io.EOF)
			require.Empty(t, open, "not closed")
			return text.String()
		case html.TextToken:
			text.WriteString(string(z.Text()))
		case html.StartTagToken:
			tag := z.Token()
			require.Contains(t, htmlElements, tag.Data)
			for _, a := range tag.Attr {
				switch {
				case tag.Data == "a" && a.Key == "href":
					require.Regexp(t, goodAddress, a.Val)
				case tag.Data == "ol" && a.Key == "start":
					require.Regexp(t, `^\d+$`, a.Val)
				case (tag.Data == "td" || tag.Data == "th") && (a.Key == "colspan" || a.Key == "rowspan"):
					require.Regexp(t, `^([2-9]|\d\d+)$`, a.Val)
				default:
					require.Fail(t, "attribute", "%s on %s", a.Key, tag.Data)
				}
			}
			if tag.Data != "hr" && tag.Data != "br" {
				open = append(open, tag.Data)
			}
		case html.EndTagToken:
			tag := z.Token()
			require.NotEmpty(t, open)
			require.Equal(t, open[len(open)-1], tag.Data)
			open = open[:len(open)-1]
		default:
			require.Fail(t, "neither text nor element", z.Token().String())
		}
	}
}

var asanaElements = strings.Fields("body strong em u s code a ul ol li blockquote pre h1 h2 hr")

// checkAsana holds out to well-formed XML of the elements Asana documents,
// nested as it documents, and returns its text.
func checkAsana(t *testing.T, out string) string {
	t.Helper()
	require.True(t, strings.HasPrefix(out, "<body>") && strings.HasSuffix(out, "</body>"))
	var open []string
	var text strings.Builder
	d := xml.NewDecoder(strings.NewReader(out))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			require.Empty(t, open)
			return text.String()
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			require.Contains(t, asanaElements, name)
			require.Equal(t, name == "body", len(open) == 0)
			if slices.Contains([]string{"h1", "h2", "blockquote", "pre", "hr"}, name) {
				require.Equal(t, []string{"body"}, open, "a %s not at the top", name)
			}
			if name == "ul" || name == "ol" {
				require.Contains(t, []string{"body", "li"}, open[len(open)-1])
			}
			if name == "a" {
				require.Len(t, token.Attr, 1)
				require.Equal(t, "href", token.Attr[0].Name.Local)
				require.Regexp(t, `^(?i:https?://)`, token.Attr[0].Value)
			} else {
				require.Empty(t, token.Attr, name)
			}
			open = append(open, name)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			inHeading := len(open) > 1 && (open[1] == "h1" || open[1] == "h2")
			require.False(t, inHeading && strings.Contains(string(token), "\n"), "a line end in a heading")
			text.Write(token)
		default:
			require.Fail(t, "neither text nor element")
		}
	}
}
