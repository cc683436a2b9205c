package main

import (
	"fmt"
	"strings"

	"pushbutton/internal/pbapi/pbfake"
)

// large is the least size of a large description, in bytes.
const large = 50_000

// lastWords end a description, so that it can be seen to have arrived whole.
func lastWords(i int) string { return fmt.Sprintf("Here ends description number %d", i) }

// shown is what Redmine's page of the i-th entity has in it if the description
// was written in the text format that Redmine reads.
func shown(i int, big bool) []string {
	if big {
		return []string{"<table>", "<th>Plan", "<strong>0 s</strong>", "<pre><code", fmt.Sprintf("Part 0 of %d", i),
			`<a href="https://example.com/research?part=0&lang=en" class="external">notes</a>`}
	}
	return []string{fmt.Sprintf("<strong>%d customers</strong>", i+3), "<em>most of them</em>", "<li>deeper</li>"}
}

func types() []string { return []string{"feature", "subfeature", "initiative", "objective"} }

// item makes the i-th entity. Its name is unique, and not harmless.
func item(i int, big bool) pbfake.Entity {
	kind := types()[i%len(types())]
	name := fmt.Sprintf(`Item %03d: "fast" & <safe> *export* for h1. Ωmega`, i)
	description := fmt.Sprintf("<p>Wanted by <b>%d customers</b>, <i>most of them</i> large.</p><ul><li>one</li><li>two<ul><li>deeper</li></ul></li></ul>", i+3)
	if big {
		description = largeDescription(i)
	}
	return pbfake.Entity{Type: kind, Fields: map[string]any{"name": name, "description": description + "<p>" + lastWords(i) + "</p>"}}
}

// largeDescription repeats tables, lists, code and links until it is large.
func largeDescription(i int) string {
	var b strings.Builder
	for n := 0; b.Len() < large; n++ {
		fmt.Fprintf(&b, "<h2>Part %d of %d</h2><p>See the <a href=\"https://example.com/research?part=%d&amp;lang=en\">notes</a>, <u>read</u> them.</p>", n, i, n)
		b.WriteString("<table><tbody><tr><th>Plan</th><th>Rows</th><th>Today</th></tr>")
		for row := range 6 {
			fmt.Fprintf(&b, "<tr><td>Plan %d</td><td>%d | and more</td><td><b>%d s</b></td></tr>", row, row*1000+n, row+n)
		}
		b.WriteString("</tbody></table><ol><li>Read<ol><li>in this tab</li><li>in all tabs</li></ol></li><li>Apply</li></ol>")
		fmt.Fprintf(&b, "<pre><code class=\"language-go\">for n := range %d {\n\tif n &lt; limit &amp;&amp; ok {\n\t\tsend(n)\n\t}\n}</code></pre>", n)
		b.WriteString(`<ul data-type="taskList"><li data-type="taskItem" data-checked="true">Reviewed</li><li data-type="taskItem" data-checked="false">Measured</li></ul>`)
	}
	return b.String()
}
