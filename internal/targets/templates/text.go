package templates

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"strings"
	"time"

	"pushbutton/internal/targets/text"
)

var errTooMuch = errors.New("it makes too long a text")

// textFunctions are the functions that templates of any kind can call. Those
// that make long texts of short ones ask the budget first.
type textFunctions struct {
	budget *Budget
	// html is rich text without its markup.
	html func(string) string
}

// TextFunctions returns the functions that templates of any kind can call, for
// one run. Rich texts that rich knows are read once; rich may be nil.
func TextFunctions(b *Budget, rich *RichTexts) map[string]any {
	return textFunctions{b, rich.html()}.all()
}

func (f textFunctions) all() map[string]any {
	return map[string]any{
		"join":     f.join,
		"printf":   f.printf,
		"plain":    func(v any) string { return f.text(v) },
		"upper":    func(v any) string { return strings.ToUpper(f.text(v)) },
		"lower":    func(v any) string { return strings.ToLower(f.text(v)) },
		"trim":     func(v any) string { return strings.TrimSpace(f.text(v)) },
		"replace":  f.replace,
		"truncate": func(limit int, v any) string { return text.Cut(f.text(v), limit) },
		"default": func(fallback string, v any) any {
			if f.text(v) == "" {
				return fallback
			}
			return v
		},
		"date": func(layout string, v any) string { return formatDate(layout, f.text(v)) },
	}
}

// room returns an error for a text that is too long, or that the budget does
// not pay for.
func (f textFunctions) room(bytes int) error {
	if bytes > MaxOutput {
		return errTooMuch
	}
	return f.budget.Afford(bytes)
}

func (f textFunctions) join(sep string, v any) (string, error) {
	list, ok := v.([]string)
	if field, isField := v.(List); isField {
		list, ok = field.texts, true
	}
	if !ok {
		return f.text(v), nil
	}
	size := len(list) * len(sep)
	for _, s := range list {
		size += len(s)
	}
	if err := f.room(size); err != nil {
		return "", err
	}
	return strings.Join(list, sep), nil
}

func (f textFunctions) replace(old, with string, v any) (string, error) {
	s := f.text(v)
	if err := f.room(len(s) + strings.Count(s, old)*len(with)); err != nil {
		return "", err
	}
	return strings.ReplaceAll(s, old, with), nil
}

// printf is the usual one without widths, and with a bound.
func (f textFunctions) printf(format string, args ...any) (string, error) {
	if widens(format) {
		return "", errors.New("printf takes a format without widths")
	}
	size := len(format)
	given := make([]any, len(args))
	for i, a := range args {
		given[i] = a
		if rich, ok := a.(richText); ok {
			given[i] = string(rich)
		}
		size += len(f.text(a))
	}
	if err := f.room(size); err != nil {
		return "", err
	}
	return fmt.Sprintf(format, given...), nil
}

// widens reports whether a format may have a width, a precision or the number
// of an argument, which make long texts of nothing.
func widens(format string) bool {
	return strings.Contains(format, "%") && strings.ContainsAny(format, "0123456789*")
}

// text is any value as a text.
func (f textFunctions) text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case richText:
		return string(v)
	case htmltemplate.HTML:
		return f.html(string(v))
	case []string:
		return strings.Join(v, ", ")
	default:
		return fmt.Sprint(v)
	}
}

// formatDate writes a date or a time by Go's layout; what is neither stays.
func formatDate(layout, s string) string {
	for _, known := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(known, s); err == nil {
			return t.Format(layout)
		}
	}
	return s
}

// List is a field with any number of values.
type List struct {
	texts []string
	sep   string
}

// NewList returns a List that is written with sep between its values.
func NewList(texts []string, sep string) List { return List{texts, sep} }

// String implements fmt.Stringer.
func (l List) String() string { return strings.Join(l.texts, l.sep) }
