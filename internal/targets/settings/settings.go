// Package settings describes the settings and credentials of integrations as
// data, and decodes them.
//
// What must not live here: what any setting means to a tracker.
package settings

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/text"
)

const (
	// Op is the operation of everything that reads settings, as it stands in
	// errors.
	Op = "read settings"
	// MaxText bounds one text or credential, in bytes; maxMultiline a
	// credential of several lines (an RSA key of 16,384 bits has 12,900).
	MaxText      = 4096
	maxMultiline = 16 << 10
	// maxEntries bounds one list or map.
	maxEntries = 100
)

// FieldType is the type of a setting's value.
type FieldType string

// The types of settings, and what they are as a Go value after decoding.
const (
	TypeString FieldType = "string" // string; a number in the file is taken as its digits
	TypeURL    FieldType = "url"    // string: http or https, no user, no query, no trailing slash
	TypeBool   FieldType = "bool"   // bool
	TypeInt    FieldType = "int"    // int, not negative
	TypeList   FieldType = "list"   // []string
	TypeMap    FieldType = "map"    // map[string]string
	// The nested ones have Fields of their own.
	TypeObject  FieldType = "object"  // Values
	TypeObjects FieldType = "objects" // []Values
)

// AnyName as the name of a credential's Field stands for every name that a
// setting may have: the settings say which there are.
const AnyName = "*"

// Field describes one setting or credential.
type Field struct {
	Name     string
	Type     FieldType // TypeString if empty
	Required bool
	Secret   bool
	// Multiline is set for a credential of several lines: a key in PEM form.
	Multiline bool
	// Usual is set for an optional setting that the kind's example needs: it
	// goes with the credential that is shown there.
	Usual bool
	// Default is used where the setting is absent, written as in the file.
	Default string
	// Enum, if set, lists the allowed values (of a map or list: of its
	// values).
	Enum []string
	// Max bounds a text, in bytes; 0 means 4,096.
	Max int
	// Fields are the keys of a nested setting.
	Fields []Field
	// Help is one or two sentences; Example is a value as in the file.
	Help, Example string
}

// FieldError is one wrong setting.
type FieldError struct {
	// Path leads to it: "settings.project", "settings.statusColors.New".
	Path string
	// Message goes after the path: "is required".
	Message string
}

func (e FieldError) Error() string { return e.Path + " " + e.Message }

// FieldErrors is everything that is wrong with some settings.
type FieldErrors []FieldError

func (e FieldErrors) Error() string {
	texts := make([]string, len(e))
	for i, f := range e {
		texts[i] = f.Error()
	}
	return strings.Join(texts, "; ")
}

// Fault is the error for people who gave the settings.
func (e FieldErrors) Fault() *fault.Error {
	public := "The integration's settings are wrong: " + e.Error() + "."
	return &fault.Error{Op: Op, Kind: fault.Invalid, Side: fault.SidePlugin, Public: text.Cut(text.OneLine(public), text.MaxPublic), Err: e}
}

// Values are decoded settings. The methods return the zero value for a setting
// that is absent or of another type.
type Values map[string]any

// String returns a TypeString or TypeURL setting.
func (v Values) String(name string) string { s, _ := v[name].(string); return s }

// Bool returns a TypeBool setting.
func (v Values) Bool(name string) bool { b, _ := v[name].(bool); return b }

// Int returns a TypeInt setting.
func (v Values) Int(name string) int { n, _ := v[name].(int); return n }

// List returns a TypeList setting.
func (v Values) List(name string) []string { l, _ := v[name].([]string); return l }

// Map returns a TypeMap setting.
func (v Values) Map(name string) map[string]string { m, _ := v[name].(map[string]string); return m }

// Decode checks raw settings, as they come out of YAML or JSON, against their
// fields and fills in defaults. path leads to them ("settings"). How deep they
// may nest is how deep the fields do.
func Decode(path string, fields []Field, raw map[string]any) (Values, FieldErrors) {
	errs := unknownKeys(path, fields, slices.Collect(maps.Keys(raw)))
	values := Values{}
	for _, f := range fields {
		d := decoder{field: f, path: path + "." + f.Name}
		given, ok := raw[f.Name]
		if !ok || given == nil || given == "" {
			switch {
			case f.Default != "":
				given = f.Default
			case f.Required:
				d.fail("is required%s", example(f))
				errs = append(errs, d.errs...)
				continue
			default:
				continue
			}
		}
		value := d.decode(given)
		if len(d.errs) > 0 {
			errs = append(errs, d.errs...)
			continue
		}
		values[f.Name] = value
	}
	return values, errs
}

// DecodeCredentials checks credentials against their fields. A field for
// AnyName stands for each that is given.
func DecodeCredentials(fields []Field, raw map[string]secret.String) (map[string]secret.String, FieldErrors) {
	fields, unnamed := named(fields, raw)
	errs := append(unnamed, unknownKeys("credentials", fields, slices.Collect(maps.Keys(raw)))...)
	creds := map[string]secret.String{}
	for _, f := range fields {
		path := "credentials." + f.Name
		value := secret.New(strings.TrimSpace(raw[f.Name].Reveal())) // files end with a newline
		limit, allowed, forbidden := MaxText, "", "line breaks, accents"
		if f.Multiline {
			limit, allowed, forbidden = maxMultiline, "\r\n", "accents, control characters"
		}
		switch {
		case value.Empty() && f.Required:
			errs = append(errs, FieldError{path, "is required"})
		case len(value.Reveal()) > limit:
			errs = append(errs, FieldError{path, fmt.Sprintf("is longer than %d bytes", limit)})
		case strings.ContainsFunc(value.Reveal(), func(r rune) bool { return (r < ' ' || r > '~') && !strings.ContainsRune(allowed, r) }):
			errs = append(errs, FieldError{path, "has a character that no credential has (" + forbidden + ")"})
		case !value.Empty():
			creds[f.Name] = value
		}
	}
	return creds, errs
}

// MaskedLines lists what must not be seen of credentials: each one, or each line
// of one that has several, since a text may hold it with other line ends.
// What says nothing (the dashes around a key) would mask words.
func MaskedLines(creds map[string]secret.String) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(creds)) {
		whole := creds[name].Reveal()
		for line := range strings.Lines(whole) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") {
				out = append(out, line)
			}
		}
	}
	return out
}

// decoder turns one raw value into the type of its field.
type decoder struct {
	field Field
	path  string
	errs  FieldErrors
}

func (d *decoder) fail(format string, args ...any) {
	d.errs = append(d.errs, FieldError{d.path, fmt.Sprintf(format, args...)})
}

func (d *decoder) decode(raw any) any {
	switch d.field.Type {
	case TypeString, "":
		return d.text(d.path, raw)
	case TypeURL:
		return d.address(raw)
	case TypeBool:
		if b, ok := raw.(bool); ok {
			return b
		}
		if b, err := strconv.ParseBool(fmt.Sprint(raw)); err == nil {
			return b
		}
		d.fail("must be true or false")
	case TypeInt:
		if n, err := strconv.Atoi(fmt.Sprint(raw)); err == nil && n >= 0 {
			return n
		}
		d.fail("must be a whole number, 0 or more")
	case TypeList:
		return d.list(raw)
	case TypeMap:
		return d.pairs(raw)
	case TypeObject:
		return d.object(d.path, raw)
	case TypeObjects:
		return d.objects(raw)
	default:
		d.fail("has a type this plugin does not know: %s", d.field.Type)
	}
	return nil
}

// text takes strings, and whole numbers because YAML makes one of "project: 12".
func (d *decoder) text(path string, raw any) string {
	var s string
	switch v := raw.(type) {
	case string:
		s = strings.TrimSpace(v)
	case int, int64, uint64:
		s = fmt.Sprint(v)
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			d.errs = append(d.errs, FieldError{path, "must be a text; put it in quotes"})
			return ""
		}
		s = strconv.FormatInt(int64(v), 10)
	default:
		d.errs = append(d.errs, FieldError{path, "must be a text"})
		return ""
	}
	limit := MaxText
	if d.field.Max > 0 {
		limit = d.field.Max
	}
	switch {
	case len(s) > limit || !utf8.ValidString(s):
		d.errs = append(d.errs, FieldError{path, fmt.Sprintf("must be valid UTF-8 of at most %d bytes", limit)})
	case len(d.field.Enum) > 0 && !slices.Contains(d.field.Enum, s):
		d.errs = append(d.errs, FieldError{path, "must be one of " + strings.Join(d.field.Enum, ", ") + Suggestion(s, d.field.Enum)})
	}
	return s
}

func (d *decoder) address(raw any) string {
	s := d.text(d.path, raw)
	if len(d.errs) > 0 {
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		d.fail("must be an address that starts with https:// or http://%s", example(d.field))
	case u.User != nil:
		d.fail("must not hold a user name or password")
	case u.RawQuery != "" || u.Fragment != "":
		d.fail("must not have a ? or # part")
	default:
		return strings.TrimRight(s, "/")
	}
	return ""
}

func (d *decoder) list(raw any) []string {
	var items []any
	switch v := raw.(type) {
	case []any:
		items = v
	case []string:
		for _, s := range v {
			items = append(items, s)
		}
	case string: // a default, or the short form
		for s := range strings.SplitSeq(v, ",") {
			items = append(items, s)
		}
	default:
		d.fail("must be a list")
		return nil
	}
	if len(items) > maxEntries {
		d.fail("has more than %d entries", maxEntries)
		return nil
	}
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = d.text(fmt.Sprintf("%s[%d]", d.path, i), item)
	}
	return out
}

func (d *decoder) pairs(raw any) map[string]string {
	items := map[string]any{}
	switch v := raw.(type) {
	case map[string]any:
		items = v
	case map[string]string:
		for k, s := range v {
			items[k] = s
		}
	default:
		d.fail("must be a map of names to values")
		return nil
	}
	if len(items) > maxEntries {
		d.fail("has more than %d entries", maxEntries)
		return nil
	}
	out := make(map[string]string, len(items))
	for _, k := range slices.Sorted(maps.Keys(items)) {
		out[k] = d.text(d.path+"."+k, items[k])
	}
	return out
}

func example(f Field) string {
	if f.Example == "" {
		return ""
	}
	return " (for example " + f.Example + ")"
}

func unknownKeys(part string, fields []Field, given []string) FieldErrors {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	var errs FieldErrors
	slices.Sort(given)
	for _, key := range given {
		if !slices.Contains(names, key) {
			errs = append(errs, FieldError{part + "." + text.Cut(text.OneLine(key), 64), "is not known" + Suggestion(key, names)})
		}
	}
	return errs
}

// Suggest names the one of names that was probably meant, or "".
func Suggest(given string, names []string) string {
	const far = 3
	best, at := "", far
	for _, name := range names {
		if d := distance(strings.ToLower(given), strings.ToLower(name)); d < at && d < len(name) {
			best, at = name, d
		}
	}
	return best
}

// Suggestion is the end of a sentence that offers what Suggest finds.
func Suggestion(given string, names []string) string {
	if s := Suggest(given, names); s != "" {
		return " (did you mean " + s + "?)"
	}
	return ""
}

// distance is Levenshtein's, over bytes; what is compared is short.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
