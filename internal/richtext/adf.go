package richtext

import (
	"encoding/json"
	"strconv"
	"strings"
)

// adfSubset is what the Atlassian Document Format allows where. Its schema also
// has checklists inside list items, but too recently to rely on.
func adfSubset() subset {
	return subset{
		top:   everything,
		quote: paragraphs | codeBlocks | lists,
		item:  paragraphs | codeBlocks | lists,
		cell:  everything &^ tables,
	}
}

// ADF writes the document as JSON in the Atlassian Document Format, version 1,
// the form of Jira Cloud's descriptions. Whatever the document is, the result
// passes Atlassian's schema: what ADF does not allow in a list item or a quote
// (headings, quotes, tables) becomes paragraphs there. A list of checkboxes is a
// task list where each item is one line; elsewhere the items begin with ☐ or ☑.
// An empty document is a document without content. Two calls give the same text.
//
// Where a tracker counts the text and not the JSON, fit the document by another
// form of it: Fit(d, limit, Doc.Wiki).Doc.ADF().
func (d Doc) ADF() string {
	w := adfWriter{}
	doc := struct {
		Version int       `json:"version"`
		Type    string    `json:"type"`
		Content []adfNode `json:"content"`
	}{1, "doc", w.blocks(adfSubset().of(d.blocks), true)}
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(doc); err != nil {
		return `{"version":1,"type":"doc","content":[]}` // strings and numbers always encode
	}
	return strings.TrimSuffix(out.String(), "\n")
}

type (
	adfNode struct {
		Type    string    `json:"type"`
		Attrs   *adfAttrs `json:"attrs,omitempty"`
		Content []adfNode `json:"content,omitempty"`
		Text    string    `json:"text,omitempty"`
		Marks   []adfMark `json:"marks,omitempty"`
	}

	adfMark struct {
		Type  string    `json:"type"`
		Attrs *adfAttrs `json:"attrs,omitempty"`
	}

	adfAttrs struct {
		Level    int    `json:"level,omitempty"`
		Order    *int   `json:"order,omitempty"` // 0 is a number to begin with
		Language string `json:"language,omitempty"`
		LocalID  string `json:"localId,omitempty"`
		State    string `json:"state,omitempty"`
		Href     string `json:"href,omitempty"`
		Colspan  int    `json:"colspan,omitempty"`
		Rowspan  int    `json:"rowspan,omitempty"`
		Type     string `json:"type,omitempty"` // of subsup
	}
)

type adfWriter struct {
	tasks int // ids given so far; the schema wants one on every task
}

// blocks makes nodes of blocks; tasks says whether task lists may stand there.
func (w *adfWriter) blocks(blocks []block, tasks bool) []adfNode {
	out := make([]adfNode, 0, len(blocks))
	for _, b := range blocks {
		out = append(out, w.block(b, tasks))
	}
	return out
}

func (w *adfWriter) block(b block, tasks bool) adfNode {
	switch b := b.(type) {
	case heading:
		return adfNode{Type: "heading", Attrs: &adfAttrs{Level: b.level}, Content: adfInline(b.runs)}
	case codeBlock:
		n := adfNode{Type: "codeBlock", Content: []adfNode{{Type: "text", Text: b.text}}}
		if b.lang != "" {
			n.Attrs = &adfAttrs{Language: b.lang}
		}
		return n
	case quote:
		return adfNode{Type: "blockquote", Content: w.blocks(b.blocks, false)}
	case list:
		if tasks && isTaskList(b) {
			return w.taskList(b)
		}
		return w.list(b)
	case table:
		return w.table(b)
	case rule:
		return adfNode{Type: "rule"}
	case paragraph:
		return adfNode{Type: "paragraph", Content: adfInline(b.runs)}
	}
	return adfNode{Type: "paragraph"}
}

func (w *adfWriter) list(l list) adfNode {
	n := adfNode{Type: "bulletList"}
	if l.ordered {
		n.Type = "orderedList"
		if l.start != 1 {
			n.Attrs = &adfAttrs{Order: &l.start}
		}
	}
	for _, it := range l.items {
		content := w.blocks(signed(it), false)
		// Editors want text or code first, an item that begins with a list
		// shows no bullet of its own.
		if len(content) == 0 || content[0].Type != "paragraph" && content[0].Type != "codeBlock" {
			content = append([]adfNode{{Type: "paragraph"}}, content...)
		}
		n.Content = append(n.Content, adfNode{Type: "listItem", Content: content})
	}
	return n
}

// isTaskList reports whether every item is a checkbox with one stretch of text
// and, below it, further checkboxes.
func isTaskList(l list) bool {
	for _, it := range l.items {
		if it.check == checkNone {
			return false
		}
		for i, b := range it.blocks {
			switch b := b.(type) {
			case paragraph:
				if i > 0 {
					return false
				}
			case list:
				if !isTaskList(b) {
					return false
				}
			default:
				return false
			}
		}
	}
	return true
}

// taskList makes a task list. Nested ones follow the item they belong to.
func (w *adfWriter) taskList(l list) adfNode {
	n := adfNode{Type: "taskList", Attrs: &adfAttrs{LocalID: w.id()}}
	for _, it := range l.items {
		task := adfNode{Type: "taskItem", Attrs: &adfAttrs{LocalID: w.id(), State: "TODO"}}
		if it.check == checkDone {
			task.Attrs.State = "DONE"
		}
		var nested []adfNode
		for _, b := range it.blocks {
			switch b := b.(type) {
			case paragraph:
				task.Content = adfInline(b.runs)
			case list:
				nested = append(nested, w.taskList(b))
			}
		}
		n.Content = append(append(n.Content, task), nested...)
	}
	return n
}

func (w *adfWriter) id() string {
	w.tasks++
	return "task-" + strconv.Itoa(w.tasks)
}

func (w *adfWriter) table(t table) adfNode {
	n := adfNode{Type: "table"}
	for _, r := range t.padded().rows {
		row := adfNode{Type: "tableRow"}
		for _, c := range r.cells {
			node := adfNode{Type: "tableCell", Content: w.blocks(c.blocks, true)}
			if c.header {
				node.Type = "tableHeader"
			}
			if c.colspan > 0 || c.rowspan > 0 {
				node.Attrs = &adfAttrs{Colspan: c.colspan, Rowspan: c.rowspan}
			}
			if len(node.Content) == 0 {
				node.Content = []adfNode{{Type: "paragraph"}}
			}
			row.Content = append(row.Content, node)
		}
		n.Content = append(n.Content, row)
	}
	return n
}

// adfInline makes text nodes. Code keeps no other mark than its link.
func adfInline(runs []run) []adfNode {
	plain := make([]run, len(runs))
	for i, r := range spell(runs, isCode) {
		if r.marks&code != 0 {
			r.marks = code
		}
		plain[i] = r
	}
	var out []adfNode
	for _, r := range prepare(plain, bold|italic|underline|strike|code|scripts) {
		if r.brk {
			out = append(out, adfNode{Type: "hardBreak"})
			continue
		}
		n := adfNode{Type: "text", Text: r.text}
		if r.href != "" {
			n.Marks = append(n.Marks, adfMark{Type: "link", Attrs: &adfAttrs{Href: r.href}})
		}
		for _, m := range [...]mark{italic, bold, strike, underline, code} {
			if r.marks&m != 0 {
				n.Marks = append(n.Marks, adfMark{Type: adfMarkName(m)})
			}
		}
		if r.marks&superscript != 0 {
			n.Marks = append(n.Marks, adfMark{Type: "subsup", Attrs: &adfAttrs{Type: "sup"}})
		}
		if r.marks&subscript != 0 {
			n.Marks = append(n.Marks, adfMark{Type: "subsup", Attrs: &adfAttrs{Type: "sub"}})
		}
		out = append(out, n)
	}
	return out
}

func adfMarkName(m mark) string {
	switch m {
	case italic:
		return "em"
	case bold:
		return "strong"
	case strike:
		return "strike"
	case underline:
		return "underline"
	default:
		return "code"
	}
}
