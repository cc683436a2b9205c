package targets

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/templates"
	"pushbutton/internal/targets/text"
)

// hostile are templates that read their item again and again. Each is small
// enough for a setting.
func hostile() map[string]string {
	long := "{{$a := .Link}}" + strings.Repeat(`{{$a := replace "x" "xxxxxxxx" $a}}`, 6)
	return map[string]string{
		"loop in a loop":      "{{range .Tags}}{{range $.Tags}}{{or 0 0 0 0 0 0 0 0 0 0}}{{end}}{{end}}",
		"functions of growth": long + strings.Repeat("{{if upper $a}}{{end}}", 40),
		"comparisons":         long + "{{range .Tags}}{{if eq $a $.Link}}{{end}}{{end}}",
		"description":         "{{range .Tags}}{{if upper $.Description}}{{end}}{{end}}",
		"long field":          `{{range .Tags}}{{if plain (field "Spec")}}{{end}}{{end}}`,
		"hidden in a chain":   `{{range .Tags}}{{if (field "List").String}}{{end}}{{end}}`,
	}
}

// hostileItem has long texts and many tags.
func hostileItem() Item {
	i := item()
	i.Link = "https://pb.example/" + strings.Repeat("x", 8)
	i.HTML = "<p>" + strings.Repeat("word ", 100_000) + "</p>"
	i.Tags = make([]string, 1000)
	i.Fields["Spec"] = FieldText{HTML: i.HTML}
	i.Fields["List"] = FieldText{Texts: strings.Split(strings.Repeat("entry ", 100_000), " ")}
	return i
}

// templateSettings puts a template into each setting that takes one.
func templateSettings(text string) map[string]map[string]any {
	return map[string]map[string]any{
		"settings.title":        {"title": text},
		"settings.description":  {"description": text},
		"settings.fields.Notes": {"fields": map[string]any{"Notes": text}},
	}
}

// TestBudgetOfAnItem: a template that does too much for one item ends the push,
// and names its setting and what to do.
func TestBudgetOfAnItem(t *testing.T) {
	t.Parallel()
	for name, body := range hostile() {
		for setting, given := range templateSettings(body) {
			t.Run(setting+" "+name, func(t *testing.T) {
				target := openRich(t, &rich{fields: trackerFields()}, given)
				_, err := target.Draft(marker, hostileItem())
				var exceeded *templates.ExceededError
				require.ErrorAs(t, err, &exceeded)
				e := fault.From(err)
				require.Equal(t, fault.Invalid, e.Kind)
				require.False(t, e.Kind.Transient(), "it is not tried again")
				require.Equal(t, fault.SidePlugin, e.Side)
				require.Contains(t, e.Public, "The template in "+setting+" does too much: it ")
				require.Contains(t, e.Public, "Ask your admin to shorten it: use fewer loops, and fewer functions over long texts.")
				require.LessOrEqual(t, len(e.Public), text.MaxPublic)
			})
		}
	}
}

// TestBudgetOfSettings: what needs no item to do too much is refused when the
// settings are read, once.
func TestBudgetOfSettings(t *testing.T) {
	t.Parallel()
	long := `{{$a := "xxxxxxxxxxxxxxxx"}}` + strings.Repeat(`{{$a := replace "x" "xxxxxxxx" $a}}`, 5) + strings.Repeat("{{if upper $a}}{{end}}", 100)
	for setting, given := range templateSettings(long) {
		_, err := Kind{Driver: (*rich)(nil)}.Open(given, nil, Deps{})
		var wrong settings.FieldErrors
		require.ErrorAs(t, err, &wrong)
		require.Len(t, wrong, 1)
		require.Equal(t, setting, wrong[0].Path)
		require.Equal(t, "does too much: it works through more than 32 MB of text; use fewer loops, and fewer functions over long texts", wrong[0].Message)
		require.Equal(t, fault.Invalid, fault.KindOf(err), "a 4xx for whoever set it")
	}
	all := map[string]any{}
	for name := range strings.SplitSeq("abcdefghijklmnopqrstuvwxyz", "") {
		all[name] = long
	}
	_, err := Kind{Driver: (*rich)(nil)}.Open(map[string]any{"title": long, "fields": all}, nil, Deps{})
	var wrong settings.FieldErrors
	require.ErrorAs(t, err, &wrong)
	require.Len(t, wrong, 1, "the templates of one integration share a budget")
}

// TestBudgetIsShared bounds an item, however many fields an admin maps.
func TestBudgetIsShared(t *testing.T) {
	t.Parallel()
	steps := func(fields int) (int, error) {
		m, errs := newMapping(settings.Values{})
		require.Empty(t, errs)
		for range fields {
			value, err := parseTemplate(templates.NewBudget(t.Context()), "{{range .Tags}}{{range $.Tags}}{{end}}{{end}}", placeField)
			require.NoError(t, err)
			m.fields = append(m.fields, fieldTemplate{"Notes", value})
		}
		i, b, rich := item(), templates.NewBudget(t.Context()), templates.NewRichTexts()
		i.Tags = make([]string, 150)
		for _, f := range m.fields {
			if _, err := f.value.compose(b, i, rich); err != nil {
				return b.Steps(), err
			}
		}
		return b.Steps(), nil
	}
	one, err := steps(1)
	require.NoError(t, err)
	require.Less(t, one, templates.MaxSteps/3)
	many, err := steps(100)
	require.Error(t, err)
	require.LessOrEqual(t, many, templates.MaxSteps+10)
}

// TestLongTextsPass: the longest texts that Productboard has fit in every
// setting at once.
func TestLongTextsPass(t *testing.T) {
	t.Parallel()
	target := openRich(t, &rich{fields: trackerFields()}, map[string]any{
		"title":       `[{{.Type}}] {{truncate 80 (plain .Description)}}`,
		"description": `{{.Description}}<p>Effort: {{field "Effort"}}</p>{{range .Tags}}<p>{{.}}</p>{{end}}`,
		"fields":      map[string]any{"Notes": `{{.Description}}`, "One line": `{{field "Spec"}}`, "Contact": "{{.Pusher.Email}}"}})
	i := item()
	i.HTML = "<p>" + strings.Repeat("Umlaut ä, ", 524_288/10) + "</p>"
	i.Fields["Spec"] = FieldText{HTML: i.HTML}
	for range 500 {
		i.Tags = append(i.Tags, "a tag of a usual length")
	}
	_, err := target.Draft(marker, i)
	require.NoError(t, err)
}

// TestDraftEndsWithItsContext: the error stays the context's.
func TestDraftEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for setting, given := range templateSettings("{{range .Tags}}{{.}}{{end}}") {
		target := openRich(t, &rich{fields: trackerFields()}, given)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := target.DraftContext(ctx, marker, item())
		require.ErrorIs(t, err, context.Canceled, setting)
		require.Equal(t, fault.Canceled, fault.KindOf(err))
		late, stop := context.WithTimeout(t.Context(), 0)
		_, err = target.DraftContext(late, marker, item())
		stop()
		require.Equal(t, fault.Timeout, fault.KindOf(err))
	}
}

// TestFunctionsAreSoughtEverywhere: none hides as an argument or in brackets.
func TestFunctionsAreSoughtEverywhere(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{{(printf "%999999999d" 1).X}}`, `{{with (printf "%999999999d" 1).X}}{{end}}`, "{{upper (print .Name)}}", "{{upper print}}", `{{("x" | len).X}}`} {
		_, err := Kind{Driver: (*rich)(nil)}.Open(map[string]any{"title": text}, nil, Deps{})
		var wrong settings.FieldErrors
		require.ErrorAs(t, err, &wrong, text)
		require.Contains(t, wrong[0].Message, " uses "[1:], text)
	}
	funcs := templates.TextFunctions(templates.NewBudget(t.Context()), nil)
	_, err := funcs["printf"].(func(string, ...any) (string, error))("%99999d", 1)
	require.ErrorContains(t, err, "without widths", "also when it runs")
}
