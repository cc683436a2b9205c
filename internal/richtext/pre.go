package richtext

import "strings"

// preText is the content of a <pre> that is being read.
type preText struct {
	lang string
	text strings.Builder

	script mark // inside sup or sub, else 0
	inside strings.Builder
}

func (p *preText) write(s string) {
	if p.script != 0 {
		p.inside.WriteString(s)
		return
	}
	p.text.WriteString(s)
}

// startScript begins raised or lowered text; one that is open ends.
func (p *preText) startScript(m mark) {
	p.endScript()
	p.script = m
}

// endScript writes raised or lowered text so that it stands apart: "10^(6)".
func (p *preText) endScript() {
	s, sign := p.inside.String(), "^"
	if p.script == subscript {
		sign = "_"
	}
	if strings.TrimFunc(s, isSpace) != "" {
		s = sign + "(" + s + ")"
	}
	p.text.WriteString(s)
	p.script = 0
	p.inside.Reset()
}
