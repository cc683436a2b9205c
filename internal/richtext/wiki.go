package richtext

import (
	"iter"
	"strconv"
	"strings"
)

// wikiSubset is what Jira renders where. A macro does not nest in itself, so a
// quote holds no quote; a table cannot begin inside a list item or a cell.
func wikiSubset() subset {
	return subset{
		top:   everything,
		quote: everything &^ quotes,
		item:  codeBlocks | quotes | lists,
		cell:  codeBlocks | quotes | lists,
	}
}

// Wiki writes the document in the wiki markup of Jira, the form of Jira Data
// Center's descriptions. Text stays text, however much it looks like markup:
// macros, mentions ("[~name]"), images, emoticons and issue keys do nothing.
// What wiki markup cannot express is flattened: headings, rules and tables in
// list items and cells become text, ordered lists count from 1, checklist items
// begin with ☐ or ☑. The result has no line end at its end.
//
// Jira rewrites the text with one pattern after the other and leaves character
// references to the browser, so a character is escaped with a backslash where
// that is enough, and is a reference inside marks, links and code, where it is
// not.
func (d Doc) Wiki() string {
	w := wikiWriter{}
	w.blocks(wikiSubset().of(d.blocks), "\n\n")
	return w.b.String()
}

type wikiWriter struct {
	b    strings.Builder
	cell bool
}

func (w *wikiWriter) blocks(blocks []block, separator string) {
	for i, b := range blocks {
		if i > 0 {
			w.b.WriteString(separator)
		}
		w.block(b, "")
	}
}

// block writes one block; markers are those of the lists around.
func (w *wikiWriter) block(b block, markers string) {
	switch b := b.(type) {
	case paragraph:
		w.lines(b.runs, "\n")
	case heading:
		w.b.WriteString("h" + strconv.Itoa(b.level) + ". ")
		w.lines(b.runs, " ")
	case codeBlock:
		w.code(b)
	case quote:
		outer := w.cell
		w.cell = false // macros are taken out before cells are looked for
		w.b.WriteString("{quote}\n")
		w.blocks(b.blocks, "\n\n")
		w.b.WriteString("\n{quote}")
		w.cell = outer
	case list:
		w.list(b, markers)
	case table:
		w.table(b)
	case rule:
		w.b.WriteString("----")
	}
}

// code writes a code block. Jira shows an error above code whose language it
// does not know, and takes no language for Java, so other code goes into
// {noformat}. Text with the end of every macro in it becomes monospaced lines.
func (w *wikiWriter) code(c codeBlock) {
	open, end := "{noformat}", "{noformat}"
	lower := strings.ToLower(c.text)
	plain := !strings.Contains(lower, "{noformat")
	if lang := wikiLanguage(c.lang); !strings.Contains(lower, "{code") && (lang != "" || !plain) {
		if lang == "" {
			lang = "none"
		}
		open, end = "{code:"+lang+"}", "{code}"
	} else if !plain {
		w.lines(codeLines(c.text), "\n")
		return
	}
	w.b.WriteString(open + "\n" + c.text + "\n" + end)
}

// wikiLanguage is the name Jira's highlighter has for a language, "" when it
// has none.
func wikiLanguage(lang string) string {
	switch lang {
	case "actionscript", "ada", "applescript", "bash", "c", "c#", "c++", "css", "erlang", "go", "groovy", "haskell", "html",
		"java", "javascript", "json", "lua", "objc", "perl", "php", "python", "r", "ruby", "scala", "sql", "swift",
		"visualbasic", "xml", "yaml":
		return lang
	case "cpp":
		return "c++"
	case "csharp", "cs":
		return "c#"
	case "golang":
		return "go"
	case "js", "jsx", "typescript", "ts", "tsx":
		return "javascript"
	case "objective-c":
		return "objc"
	case "py":
		return "python"
	case "rb":
		return "ruby"
	case "sh", "shell", "zsh":
		return "bash"
	case "vb", "vbnet":
		return "visualbasic"
	case "yml":
		return "yaml"
	}
	return ""
}

// list writes items one per line. A line without a marker belongs to the item
// above it.
func (w *wikiWriter) list(l list, markers string) {
	if l.ordered {
		markers += "#"
	} else {
		markers += "*"
	}
	for i, it := range l.items {
		if i > 0 {
			w.b.WriteByte('\n')
		}
		w.item(signed(it), markers)
	}
}

// item writes an item's blocks. Text below a nested list would belong to that
// list's last item, so it becomes an item of its own.
func (w *wikiWriter) item(blocks []block, markers string) {
	w.b.WriteString(markers + " ")
	afterList := len(blocks) == 0
	if len(blocks) > 0 {
		_, afterList = blocks[0].(list)
	}
	if afterList { // an item needs something on its line
		w.b.WriteString("\u00a0")
	}
	for i, b := range blocks {
		_, nested := b.(list)
		if i > 0 || nested {
			w.b.WriteByte('\n')
		}
		if i > 0 && afterList && !nested {
			w.b.WriteString(markers + " ")
		}
		w.block(b, markers)
		afterList = nested
	}
}

// table writes rows as lines. A line that ends in "|" ends its row, and an
// empty line the table, so content begins on its cell's line and blocks follow
// each other directly.
func (w *wikiWriter) table(t table) {
	w.cell = true
	for i, r := range t.rectangle().rows {
		if i > 0 {
			w.b.WriteByte('\n')
		}
		end := "|"
		for _, c := range r.cells {
			if end = "|"; c.header {
				end = "||"
			}
			w.b.WriteString(end + " ")
			w.blocks(wikiCell(c.blocks), "\n")
			if len(c.blocks) > 0 {
				w.b.WriteByte(' ')
			}
		}
		w.b.WriteString(end)
	}
	w.cell = false
}

// wikiCell flattens the lists of a cell that something else follows: it would
// belong to their last item.
func wikiCell(blocks []block) []block {
	out := make([]block, 0, len(blocks))
	for i, b := range blocks {
		if l, ok := b.(list); ok && i+1 < len(blocks) {
			out = append(out, subset{}.of([]block{l})...)
		} else {
			out = append(out, b)
		}
	}
	return out
}

// lines writes text line by line: no mark and no link goes across a line end.
func (w *wikiWriter) lines(runs []run, newline string) {
	first := true
	for line := range breakLines(runs) {
		if !first {
			w.b.WriteString(newline)
		}
		t := wikiText{out: &w.b, cell: w.cell, lineStart: true}
		if !t.write(nest(prepare(spell(line, isCode), htmlMarks))) && newline == "\n" && !first {
			w.b.WriteString("\u00a0") // an empty line would end the paragraph
		}
		first = false
	}
}

// breakLines is the runs of each line.
func breakLines(runs []run) iter.Seq[[]run] {
	return func(yield func([]run) bool) {
		begin := 0
		for i, r := range runs {
			if r.brk {
				if !yield(runs[begin:i]) {
					return
				}
				begin = i + 1
			}
		}
		yield(runs[begin:])
	}
}
