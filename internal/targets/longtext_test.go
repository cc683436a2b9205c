package targets

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/richtext"
)

// marked is a driver whose long texts are Markdown of at most 4000 characters.
type marked struct {
	rich
	takesLines bool
}

func (m *marked) RenderField(f FieldInfo, text LongText) (string, bool) {
	if f.Type != ValueLongText && !m.takesLines {
		return "", false
	}
	return text.Render(4000, nil, markdown), true
}

func openMarked(t *testing.T, m *marked, settings map[string]any) *Target {
	t.Helper()
	m.issue = Issue{ID: "1"}
	m.fields = append(trackerFields(), FieldInfo{ID: "f20", Name: "Log", Type: ValueLongText, Plain: true, Max: 60}, FieldInfo{ID: "f21", Name: "Short", Type: ValueText, Max: 20},
		FieldInfo{ID: "f22", Name: "Labels", Type: ValueText, Multiple: true})
	m.do = openRich(t, &rich{}, nil).driver.(*rich).do
	target, err := Kind{Type: "rich", Driver: (*marked)(nil), New: func(Config, Deps) (Driver, error) { return m, nil }}.Open(settings, nil, Deps{})
	require.NoError(t, err)
	return target
}

// criteria is rich text as people write acceptance criteria.
const criteria = "<p>Given <b>dark</b> mode</p><ul><li>menus<ul><li>their icons</li></ul></li></ul><pre>if x {\n    y()\n\n}</pre><p>Then calm.</p>"

const criteriaMarkdown = "Given **dark** mode\n\n- menus\n  - their icons\n\n```\nif x {\n    y()\n\n}\n```\n\nThen calm."

func withFields(fields map[string]FieldText) Item {
	i := item()
	i.Fields = fields
	return i
}

func previewed(t *testing.T, settings map[string]any, item Item) Preview {
	t.Helper()
	target := openMarked(t, &marked{}, map[string]any{"fields": settings})
	d, err := target.Draft(marker, item)
	require.NoError(t, err)
	shown, err := target.Preview(t.Context(), d)
	require.NoError(t, err)
	return shown
}

func TestLongTextsKeepTheirForm(t *testing.T) {
	t.Parallel()
	many := strings.TrimSuffix(strings.Repeat("<p>line</p>", 300), "")
	for name, c := range map[string]struct{ field, template, want string }{
		"rich text":                 {"Notes", `{{field "AC"}}`, criteriaMarkdown},
		"more than 100 lines":       {"Notes", `{{field "Many"}}`, strings.TrimSuffix(strings.Repeat("line\n\n", 300), "\n\n")},
		"between text":              {"Notes", "Criteria: {{field \"AC\"}}\nAsk {{.Owner.Email}}", "Criteria:\n\n" + criteriaMarkdown + "\n\nAsk owner@example.com"},
		"one paragraph in a line":   {"Notes", `Answer: {{field "Bold"}}, says {{.Owner.Email}}`, "Answer: **yes**, says owner@example.com"},
		"the description":           {"Notes", "{{.Description}}", "Make it **dark**."},
		"two of them":               {"Notes", `{{field "Bold"}}{{field "AC"}}`, "**yes**\n\n" + criteriaMarkdown},
		"plain on wish":             {"Notes", `{{plain (field "Bold")}} {{upper (field "Bold")}} {{printf "%s!" (field "Bold")}}`, "yes YES yes!"},
		"compared":                  {"Notes", `{{if eq .Description "Make it dark."}}it is{{end}}`, "it is"},
		"default":                   {"Notes", `{{default "none" (field "Blank")}} {{default "none" (field "Bold")}}`, "none **yes**"},
		"lines of text":             {"Notes", `{{field "Teams"}}`, "Red\n\nBlue"},
		"paragraphs of text":        {"Notes", `{{field "Steps"}}`, "one\\\n\u00a0\u00a0two\n\nthree"},
		"text is no markup":         {"Notes", `{{field "Evil"}}`, `&lt;script>alert(1)&lt;/script>`},
		"set apart by an author":    {"Notes", `{{field "Forged"}}{{field "Bold"}}`, "nobold**yes**"},
		"shown without markup":      {"Log", `{{field "Bold"}}`, "yes"},
		"text, without markup":      {"Log", `{{field "Steps"}}`, "one\n  two\n\nthree"},
		"rich text in a line":       {"One line", `{{field "AC"}}`, "Given dark mode, - menus, - their icons, if x {, y(), }, Then calm."},
		"rich text of a short line": {"One line", `{{field "Bold"}}`, "yes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shown := previewed(t, map[string]any{c.field: c.template}, withFields(map[string]FieldText{
				"AC": {HTML: criteria}, "Many": {HTML: many}, "Bold": {HTML: "<p><b>yes</b></p>"}, "Blank": {HTML: "<p> </p>"}, "Teams": {Texts: []string{"Red", "Blue"}},
				"Steps": {Texts: []string{"one\n  two\n\nthree\n"}}, "Evil": {Texts: []string{"<script>alert(1)</script>"}}, "Forged": {Texts: []string{"\x00no\x01\x00bold\x00"}}}))
			require.Len(t, shown.Fields, 1)
			require.Equal(t, []string{c.want}, shown.Fields[0].Values)
			require.Empty(t, shown.Warnings)
		})
	}
}

func TestTextOfSeveralLinesInAFieldOfUnknownForm(t *testing.T) {
	t.Parallel()
	m := &marked{takesLines: true}
	target := openMarked(t, m, map[string]any{"fields": map[string]any{"One line": `{{field "AC"}}`}})
	d, err := target.Draft(marker, withFields(map[string]FieldText{"AC": {HTML: criteria}}))
	require.NoError(t, err)
	_, err = target.Create(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, []string{criteriaMarkdown}, m.got.Fields[0].Values)
}

func TestFieldsAreCutAloud(t *testing.T) {
	t.Parallel()
	var labels []string
	for i := range 150 {
		labels = append(labels, fmt.Sprint("l", i))
	}
	for name, c := range map[string]struct{ field, template, warning, ends string }{
		"long text":            {"Notes", `{{field "Long"}}`, `The field "Notes" is cut to what Tracker takes; it ends with a link to the rest.`, "**The text is longer than fits here.** It goes on in [Productboard](https://pb.example/1)."},
		"long text, unmarked":  {"Log", `{{field "Long"}}`, `The field "Log" is cut to what Tracker takes; it ends with a link to the rest.`, ""},
		"one line":             {"Short", `{{field "Long"}}`, `The field "Short" is cut to 20 characters.`, "…"},
		"one line, no maximum": {"One line", `{{field "Long"}}`, `The field "One line" is cut to 16384 characters.`, "…"},
		"many values":          {"Labels", `{{field "Labels"}}`, `The field "Labels" gets the first 100 of 150 values.`, "l99"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shown := previewed(t, map[string]any{c.field: c.template}, withFields(map[string]FieldText{
				"Long": {HTML: strings.Repeat("<p>some <i>words</i></p>", 10_000)}, "Labels": {Texts: labels}}))
			require.Len(t, shown.Fields, 1)
			require.Equal(t, []string{c.warning}, shown.Warnings)
			values := shown.Fields[0].Values
			require.True(t, strings.HasSuffix(values[len(values)-1], c.ends), values[len(values)-1])
			if c.field == "Notes" {
				require.LessOrEqual(t, utf8.RuneCountInString(values[0]), 4000)
				require.Greater(t, utf8.RuneCountInString(values[0]), 3800)
			}
		})
	}
}

// Rich text that a template repeats must not grow without end.
func TestFieldsAreBounded(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("<p><b>x</b></p>", 20_000)
	for name, template := range map[string]string{
		"one template": strings.Repeat(`{{field "Deep"}}`, 40),
		"several":      strings.Repeat(`{{plain (field "Deep")}}`, 50),
	} {
		t.Run(name, func(t *testing.T) {
			target := openMarked(t, &marked{}, map[string]any{"fields": map[string]any{"Notes": template, "Log": template, "One line": template}})
			_, err := target.Draft(marker, withFields(map[string]FieldText{"Deep": {HTML: deep}}))
			require.Error(t, err)
			require.Equal(t, fault.Invalid, fault.KindOf(err))
			require.Contains(t, fault.From(err).Public, "The template in settings.fields.")
		})
	}
	unreadable := strings.Repeat("x", richtext.MaxInput+1)
	shown := previewed(t, map[string]any{"Notes": `{{field "Huge"}}`}, withFields(map[string]FieldText{"Huge": {HTML: unreadable}}))
	require.Equal(t, []string{"The text is too large to be shown here; see Productboard."}, shown.Fields[0].Values)
}
