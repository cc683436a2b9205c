package richtext

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzADF holds every document to the format's rules, and its words to be ours.
func FuzzADF(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src string) {
		d, out := rendered(t, src, Doc.ADF)
		checkText(t, out)
		checkSize(t, src, out)
		sameWords(t, d, checkADF(t, out))
		require.Equal(t, out, d.ADF(), "two calls differ")
		checkFit(t, d, src, out, Doc.ADF)
	})
}

// FuzzHTML does the same, and what our own parser reads in it is the document.
func FuzzHTML(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src string) {
		d, out := rendered(t, src, Doc.HTML)
		checkText(t, out)
		checkSize(t, src, out)
		sameWords(t, d, checkHTML(t, out))
		checkFit(t, d, src, out, Doc.HTML)
		// At the greatest depth what is written explicitly has less room than
		// what was implied.
		if again, err := Parse(out); err == nil && nesting(out) < maxDepth-2 {
			require.Equal(t, out, again.HTML())
		}
	})
}

// nesting is the most containers within each other.
func nesting(out string) int {
	deep, most := 0, 0
	for _, tag := range regexp.MustCompile(`</?(?:blockquote|ul|ol|li|table|tr|td|th)\b`).FindAllString(out, -1) {
		if strings.HasPrefix(tag, "</") {
			deep--
			continue
		}
		deep++
		most = max(most, deep)
	}
	return most
}

// FuzzAsanaXML holds every document to what Asana takes.
func FuzzAsanaXML(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src string) {
		d, out := rendered(t, src, Doc.AsanaXML)
		checkText(t, out)
		checkSize(t, src, out)
		sameWords(t, d, checkAsana(t, out))
		checkFit(t, d, src, out, Doc.AsanaXML)
	})
}

// FuzzWiki holds the markup to what is true of all of it: outside code, every
// macro, link and image is one this package writes.
func FuzzWiki(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src string) {
		d, out := rendered(t, src, Doc.Wiki)
		checkText(t, out)
		checkSize(t, src, out)
		checkFit(t, d, src, out, Doc.Wiki)

		bare := withoutCode(d).Wiki()
		for i := range len(bare) {
			switch bare[i] {
			case '{':
				require.Regexp(t, wikiMacro, bare[i:], "unexpected macro in:\n%s", bare)
			case '[':
				if !escaped(bare, i) {
					require.Regexp(t, wikiLink, bare[i:], "unexpected link in:\n%s", bare)
				}
			case '!':
				image := i+1 < len(bare) && bare[i+1] > ' ' && (i == 0 || wikiBorder(lastRune(bare[:i])))
				require.False(t, image && !escaped(bare, i), "an image at %d in:\n%s", i, bare)
			}
		}
	})
}

var (
	wikiMacro = regexp.MustCompile(`^(?:\{quote\}|\{[-*_+^~]\})`)
	wikiLink  = regexp.MustCompile(`^\[(?:[^\[\]\n|]*\|)?(?i:https?://|mailto:)[^\[\]\n|{}\\^!]+\]`)
)

// sameWords compares the letters of a document and of what was made of it. Mail
// addresses may be shown beside their label, so links to them are left out.
func sameWords(t *testing.T, d Doc, got string) {
	t.Helper()
	w := shapeOf(d)
	for address := range w.links {
		if strings.HasPrefix(address, "mailto:") {
			return
		}
	}
	require.Equal(t, letters(w.text.String()), letters(got))
}
