package templates

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/boundtest"
)

// data is the input of the templates of these tests.
type data struct {
	Name, Long string
	Tags       []string
	Count      int
	Table      map[string]any
	Stream     <-chan int
	Turns      func(func(int) bool)
	Pairs      func(func(int, string) bool)
	Late       late
}

type late func() string

func (l late) String() string { return l() }

func newData() data {
	stream := make(chan int)
	close(stream)
	return data{Name: "A wish", Long: strings.Repeat("x", 1<<20), Tags: []string{"a", "b", "c"}, Count: 1 << 40,
		Table: map[string]any{"k": "v"}, Stream: stream, Late: func() string { return "late" },
		Turns: func(yield func(int) bool) {
			for i := 0; yield(i); i++ {
			}
		},
		Pairs: func(yield func(int, string) bool) {
			for i := 0; yield(i, "x"); i++ {
			}
		}}
}

func functions() map[string]any {
	return map[string]any{
		"upper":  strings.ToUpper,
		"int":    func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) },
		"double": func(s string) string { return s + s },
		"list":   func(s ...string) []string { return s },
		"fails":  func() (string, error) { return "", errors.New("no") },
	}
}

func parsers() map[string]func(string, map[string]any) (*Template, error) {
	return map[string]func(string, map[string]any) (*Template, error){"text": Text, "html": HTML}
}

// TestHostileTemplates ends each by the budget, which is overdrawn by one list
// of nodes or one text at most.
func TestHostileTemplates(t *testing.T) {
	t.Parallel()
	for text, what := range map[string]string{
		`{{range int "9000000000000"}}{{end}}`:                                                         "steps",
		`{{range 9000000000000}}{{end}}`:                                                               "steps",
		`{{range $i := int "9000000000000"}}{{if $i}}{{end}}{{end}}`:                                   "steps",
		`{{range .Count}}{{continue}}{{end}}`:                                                          "steps",
		`{{with int "9000000000000"}}{{range .}}{{end}}{{end}}`:                                        "steps",
		`{{range .Turns}}{{end}}`:                                                                      "steps",
		`{{range $k, $v := .Pairs}}{{end}}`:                                                            "steps",
		`{{range int "999"}}{{range int "999"}}{{end}}{{end}}`:                                         "steps",
		`{{range int "9000"}}` + strings.Repeat("{{or 0 0}}", 1000) + `{{end}}`:                        "steps",
		`{{range int "9000000"}}{{eq "a" "b" "c" "d"}}{{end}}`:                                         "steps",
		`{{if eq .Name "A wish"}}{{range .Count}}{{end}}{{end}}`:                                       "steps",
		`{{range .Tags}}{{else}}{{end}}{{range list}}{{else}}{{range .Count}}{{end}}{{end}}`:           "steps",
		`{{range .Count}}{{$.Long}}{{end}}`:                                                            "text",
		`{{range .Count}}{{if eq $.Long "x"}}{{end}}{{end}}`:                                           "text",
		`{{range .Count}}{{if $.Long | eq "x"}}{{end}}{{end}}`:                                         "text",
		`{{range .Count}}{{if lt ($.Long) $.Long}}{{end}}{{end}}`:                                      "text",
		`{{range .Count}}{{if index $.Table (or $.Long "x")}}{{end}}{{end}}`:                           "text",
		`{{range .Count}}{{if upper $.Long}}{{end}}{{end}}`:                                            "text",
		`{{range .Count}}{{if list $.Long $.Long}}{{end}}{{end}}`:                                      "text",
		`{{$a := double .Long}}{{$b := double $a}}{{$c := double $b}}{{$d := double $c}}{{double $d}}`: "text",
		strings.Repeat("{{print .Long}}", 40):                                                          "text",
		strings.Repeat("{{printf `%s` .Long}}", 40):                                                    "text",
		`{{range .Count}}{{or "" $.Long}}{{end}}`:                                                      "text",
	} {
		for name, parse := range parsers() {
			t.Run(name+" "+text[:min(len(text), 60)], func(t *testing.T) {
				made, err := parse(text, functions())
				require.NoError(t, err)
				b := NewBudget(t.Context())
				_, err = made.Execute(b, 1<<30, functions(), newData())
				var exceeded *ExceededError
				require.ErrorAs(t, err, &exceeded)
				require.Equal(t, b.Err(), err, "the same error, without Go's words around it")
				require.Contains(t, err.Error(), what)
				require.LessOrEqual(t, b.Steps(), MaxSteps+5000, "one list more")
				require.LessOrEqual(t, b.Bytes(), MaxBytes+1)
			})
		}
	}
}

// TestTemplatesThatFit shows that paying changes nothing that is written.
func TestTemplatesThatFit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                              "",
		"text":                          "text",
		"{{.Name}}":                     "A wish",
		"{{range .Tags}}[{{.}}]{{end}}": "[a][b][c]",
		"{{range $i, $t := .Tags}}{{if $i}}, {{end}}{{$t}}{{else}}none{{end}}": "a, b, c",
		"{{range list}}x{{else}}none{{end}}":                                   "none",
		"{{range .Tags}}{{if eq . `b`}}{{continue}}{{end}}{{.}}{{end}}":        "ac",
		"{{range .Tags}}{{if eq . `b`}}{{break}}{{end}}{{.}}{{end}}":           "a",
		"{{with $n := .Name}}{{$n}}{{end}}":                                    "A wish",
		"{{$x := `a`}}{{range .Tags}}{{$x}}{{end}}":                            "aaa",
		"{{if and (eq .Name `A wish`) (not .Stream)}}y{{else}}n{{end}}":        "n",
		"{{or `` .Name | upper}}":                                              "A WISH",
		"{{.Late}}":                                                            "late",
		"{{index .Table `k`}}{{index .Tags 1}}":                                "vb",
		"{{.Name | eq `A wish`}}":                                              "true",
		"{{(list `x`) | len}}":                                                 "1",
		"{{.Table.k}}":                                                         "v",
		"{{range 3}}{{.}}{{end}}":                                              "012",
		"{{range $k, $v := .Table}}{{$k}}{{$v}}{{end}}":                        "kv",
	} {
		for name, parse := range parsers() {
			t.Run(name+" "+text, func(t *testing.T) {
				made, err := parse(text, functions())
				require.NoError(t, err)
				for range 2 { // it is rewritten once
					b := NewBudget(t.Context())
					got, err := made.Execute(b, 1000, functions(), newData())
					require.NoError(t, err)
					require.Equal(t, want, got)
					require.Less(t, b.Steps(), 60)
				}
			})
		}
	}
}

// TestHTMLStaysInItsContext keeps html/template's escaping as it is.
func TestHTMLStaysInItsContext(t *testing.T) {
	t.Parallel()
	const text = `<a href="/{{.Name}}" {{if .Tags}}title='{{range .Tags}}{{.}} {{end}}'{{end}} {{range .Tags}}data-{{.}}="1" {{end}}><script>x({{.Tags}})</script>`
	plain, err := HTML(text, functions())
	require.NoError(t, err)
	var want strings.Builder
	own, err := plain.html.Clone()
	require.NoError(t, err)
	require.NoError(t, own.Execute(&want, newData()))
	got, err := plain.Execute(NewBudget(t.Context()), 1000, functions(), newData())
	require.NoError(t, err)
	require.Equal(t, want.String(), got)
}

// TestCallsAreRefused names templates that call another or themselves.
func TestCallsAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{{define "x"}}{{end}}`, `{{define "x"}}{{template "x"}}{{end}}{{template "x"}}`, `{{block "x" .}}{{end}}`,
		`{{range .Tags}}{{else}}{{with .}}{{if .}}{{template "template" .}}{{end}}{{end}}{{end}}`, `{{define "template"}}{{template "template"}}{{end}}`} {
		for name, parse := range parsers() {
			_, err := parse(text, functions())
			require.ErrorIs(t, err, ErrCalls, name+" "+text)
		}
	}
}

func TestNobodyElseCanPay(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{{_step 1}}", "{{_sized .Name}}", "{{$ paid}}"} {
		_, err := Text(text, functions())
		require.Error(t, err, text)
	}
}

// TestContextEndsATemplate ends one in the middle of a loop, by the context
// and not by the budget.
func TestContextEndsATemplate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(context.CancelCauseFunc)
		want error
	}{
		"canceled": {func(cancel context.CancelCauseFunc) { cancel(nil) }, context.Canceled},
		"cause":    {func(cancel context.CancelCauseFunc) { cancel(errors.New("lease lost")) }, context.Canceled},
		"deadline": {func(cancel context.CancelCauseFunc) { cancel(context.DeadlineExceeded) }, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			funcs := map[string]any{"stop": func(at int) string {
				if at == 7 {
					c.end(cancel)
				}
				return ""
			}}
			made, err := Text("{{range $i := .Turns}}{{stop $i}}{{end}}", funcs)
			require.NoError(t, err)
			b := NewBudget(ctx)
			_, err = made.Execute(b, 1000, funcs, newData())
			require.ErrorIs(t, err, c.want)
			require.Less(t, b.Steps(), 60, "in the turn in which it ended")
			var exceeded *ExceededError
			require.NotErrorAs(t, err, &exceeded)
		})
	}
}

func TestErrorsOfTemplates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"{{fails}}": "no", "{{.Nothing}}": "Nothing", "{{upper 1}}": "expected string", "{{.Long}}": "it writes too much"} {
		made, err := Text(text, functions())
		require.NoError(t, err)
		b := NewBudget(t.Context())
		_, err = made.Execute(b, 1000, functions(), newData())
		require.ErrorContains(t, err, want)
		require.NoError(t, b.Err(), "something is left for others")
	}
}

// TestAfford is for functions that know how long their text would be.
func TestAfford(t *testing.T) {
	t.Parallel()
	b := NewBudget(t.Context())
	require.NoError(t, b.Afford(MaxBytes))
	require.Zero(t, b.Bytes(), "asking costs nothing")
	require.NoError(t, b.Charge(1))
	require.Error(t, b.Afford(MaxBytes))
	require.Error(t, b.Charge(0), "and then it is over")
}

// FuzzTemplate bounds steps and bytes, whatever the template is.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"{{.Name}}", "{{range .Tags}}{{.}}{{end}}", `{{range int "9000000000000"}}{{end}}`, "{{block `x` .}}{{template `x` .}}{{end}}",
		"{{range .Turns}}{{upper $.Long}}{{end}}", "{{with $x := .Name}}{{$x}}{{end}}", "{{(index .Tags 0) | double}}", "{{eq .Long .Name}}"} {
		f.Add(s)
	}
	for _, s := range []string{"{{.Name}}", "{{if .Name}}x{{else}}y{{end}}", "{{range .Tags}}", "("} {
		f.Add(strings.Repeat(s, 4096/len(s)))
	}
	f.Add("{{" + strings.Repeat("(", 1000) + ".Name" + strings.Repeat(")", 1000) + "}}")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 || strings.Contains(text, "%") { // printf is the caller's to bound
			return
		}
		for name, parse := range parsers() {
			var made *Template
			var err error
			boundtest.Memory(t, len(text), boundtest.Limit{Base: 1 << 20, PerByte: 400}, func() { made, err = parse(text, functions()) })
			if err != nil {
				continue
			}
			b, data := NewBudget(t.Context()), newData()
			var out string
			boundtest.Memory(t, len(text), boundtest.Limit{Base: MaxSteps<<10 + 2*MaxBytes}, func() { out, err = made.Execute(b, 1<<20, functions(), data) })
			if b.Steps() > MaxSteps+2*len(text)+1 || b.Bytes() > MaxBytes+1 || len(out) > 1<<20 {
				t.Fatalf("%s: %d steps, %d bytes, %d written: %v", name, b.Steps(), b.Bytes(), len(out), err)
			}
			if b.Err() != nil && !errors.Is(err, b.Err()) {
				t.Fatalf("another error: %v", err)
			}
		}
	})
}
