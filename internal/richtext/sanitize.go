package richtext

import (
	"errors"
	"regexp"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
)

// MaxInput is the largest input [Parse] takes, in bytes. Productboard allows
// 524,288 characters, each at most four bytes; the rest is room for growth.
const MaxInput = 4 << 20

// ErrTooLarge is the one error of [Parse].
var ErrTooLarge = errors.New("richtext: input too large")

// nodePrefix begins the addresses of Productboard's own nodes (mentions,
// emoji, embeds, collapsible sections). They lead nowhere outside Productboard,
// so only their text is kept.
const nodePrefix = "urn:pb:node:"

// policy is the allow-list. It is built once: a bluemonday policy is safe for
// concurrent use after that.
//
//nolint:gochecknoglobals // built at first use and never changed
var policy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	elements := []string{
		"h1", "h2", "h3", "h4", "h5", "h6",
		"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "kbd", "samp", "tt", "sup", "sub",
		"pre", "blockquote", "ul", "ol", "li", "hr", "br",
		"table", "thead", "tbody", "tfoot", "tr", "th", "td",
		// These carry no meaning that is kept, but they keep words apart.
		"address", "article", "aside", "caption", "dd", "details", "div", "dl", "dt",
		"figcaption", "figure", "footer", "header", "main", "nav", "p", "section", "summary",
	}
	p.AllowElements(elements...)
	p.AllowNoAttrs().OnElements(elements...)

	// Addresses pass as they are: the walker judges them by the URL standard,
	// and shows as text what no link may lead to.
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("src", "alt").OnElements("img")

	// Checklists: the public description does not say how an item's state is
	// written, so the forms that editors in use produce are all understood.
	boolean := regexp.MustCompile(`^(?i:true|false)$`)
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^(?i:checkbox)$`)).OnElements("input")
	p.AllowAttrs("checked").OnElements("input")
	p.AllowAttrs("data-checked", "aria-checked").Matching(boolean).OnElements("li", "ul")
	p.AllowAttrs("data-list").Matching(regexp.MustCompile(`^(?:un)?checked$`)).OnElements("li")

	word := regexp.MustCompile(`^[\w+#. -]{1,80}$`)
	p.AllowAttrs("class").Matching(word).OnElements("pre", "code", "li")
	p.AllowAttrs("data-language", "data-lang").Matching(word).OnElements("pre", "code")
	number := regexp.MustCompile(`^\d{1,9}$`)
	p.AllowAttrs("start").Matching(number).OnElements("ol")
	p.AllowAttrs("colspan", "rowspan").Matching(number).OnElements("td", "th")
	return p
})

// Parse reads Productboard's rich text. Nonsense HTML is not an error, it
// becomes the text it contains; the only error is [ErrTooLarge]. Time and
// memory grow with the length of the input, whatever is in it, and the tree is
// at most maxDepth deep, so the back-ends may recurse.
func Parse(html string) (Doc, error) {
	if len(html) > MaxInput {
		return Doc{}, ErrTooLarge
	}
	clean := policy().Sanitize(strings.ToValidUTF8(html, "\uFFFD"))
	return walk(clean), nil
}
