package templates_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"pushbutton/internal/targets/templates"
)

// The templates of one item share a budget. A template can call the functions
// for texts, and whatever else its place has.
func ExampleText() {
	budget := templates.NewBudget(context.Background())
	funcs := templates.TextFunctions(budget, nil)
	title, err := templates.Text(`[{{upper .Type}}] {{truncate 20 .Name}}`, funcs)
	if err != nil {
		fmt.Println(err)
		return
	}
	item := struct{ Type, Name string }{"feature", "A calmer start for everybody"}
	out, err := title.Execute(budget, 1000, funcs, item)
	fmt.Println(out, err)
	// Output: [FEATURE] A calmer start for… <nil>
}

// A template that does too much ends with an error that says what to do.
func ExampleExceededError() {
	budget := templates.NewBudget(context.Background())
	loop, err := templates.Text(`{{range .}}{{range $}}x{{end}}{{end}}`, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = loop.Execute(budget, 1<<20, nil, strings.Split(strings.Repeat("tag ", 1000), " "))
	if exceeded, ok := errors.AsType[*templates.ExceededError](err); ok {
		fmt.Println("The template", exceeded)
		fmt.Println(exceeded.Fault("map item", "settings.title").Public)
	}
	// Output:
	// The template does too much: it takes more than 100,000 steps
	// The template in settings.title does too much: it takes more than 100,000 steps. Ask your admin to shorten it: use fewer loops, and fewer functions over long texts.
}

// Inspect reads a template without running it.
func ExampleInspect() {
	parsed, err := templates.Text(`{{.Name}}: {{field "Effort"}}`, map[string]any{"field": func(string) string { return "" }})
	if err != nil {
		fmt.Println(err)
		return
	}
	found, err := templates.Inspect(parsed.Tree())
	fmt.Println(found.Fields, found.Actions, err)
	// Output: [Effort] true <nil>
}
