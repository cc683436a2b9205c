package richtext_test

import (
	"fmt"

	"pushbutton/internal/richtext"
)

// What Productboard wrote is read once, and written in each tracker's format.
func ExampleDoc_Markdown() {
	doc, err := richtext.Parse(`<p>As <b>they</b> said:</p><ul><li>faster</li><li><a href="https://example.com/">calmer</a></li></ul><script>alert(1)</script>`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(doc.Markdown(richtext.GitHubMarkdown()))
	// Output:
	// As **they** said:
	//
	// - faster
	// - [calmer](https://example.com/)
}

// Jira Cloud takes the Atlassian Document Format, which is JSON.
func ExampleDoc_ADF() {
	doc, err := richtext.Parse(`<p>As <b>they</b> said.</p>`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(doc.ADF())
	// Output:
	// {"version":1,"type":"doc","content":[{"type":"paragraph","content":[{"type":"text","text":"As "},{"type":"text","text":"they","marks":[{"type":"strong"}]},{"type":"text","text":" said."}]}]}
}

// A text that is too long is cut at a block or word, and ends with a note.
func ExampleFit() {
	doc := richtext.Join(
		richtext.Paragraph(richtext.Text("The first paragraph fits.")),
		richtext.Paragraph(richtext.Text("The second one does not fit any more.")),
	)
	fitted := richtext.Fit(doc, richtext.Limit{Max: 50, Note: richtext.Paragraph(richtext.Text("It goes on."))}, richtext.Doc.Plain)
	fmt.Println(fitted.Cut)
	fmt.Println(fitted.Text)
	// Output:
	// true
	// The first paragraph fits.
	//
	// The…
	//
	// It goes on.
}
