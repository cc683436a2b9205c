package catalog

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/goccy/go-yaml"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

// ability is something that a tracker's adapter can do beyond creating and
// finding issues, and that the plugin uses.
type ability struct {
	name string
	has  func(targets.Kind) bool
}

func abilities() []ability {
	return []ability{
		{"read status", can[targets.Reader]},
		{"find by address or key", can[targets.Resolver]},
		{"comment", can[targets.Commenter]},
		{"close", can[targets.Closer]},
		{"find duplicates", can[targets.Duplicates]},
		{"find people by e-mail", can[targets.People]},
		{"fill custom fields", can[targets.FieldLister]},
		{"report when the token ends", can[targets.Expirer]},
	}
}

func can[T any](k targets.Kind) bool {
	_, ok := targets.Ability[T](k.Driver)
	return ok
}

// ByType finds a kind by its name in settings.
func ByType(typ string) (targets.Kind, bool) {
	for _, k := range Kinds() {
		if k.Type == typ {
			return k, true
		}
	}
	return targets.Kind{}, false
}

// WriteList prints the kinds, a line each.
func WriteList(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, k := range Kinds() {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\n", k.Type, k.Title, strings.Join(abilitiesOf(k), ", "))
	}
	return t.Flush()
}

func abilitiesOf(k targets.Kind) []string {
	var out []string
	for _, a := range abilities() {
		if a.has(k) {
			out = append(out, a.name)
		}
	}
	return out
}

// Document is the page about all trackers, in Markdown: docs/trackers.md.
func Document() string {
	var b strings.Builder
	b.WriteString(documentHead)
	all := abilities()
	b.WriteString("| tracker | `type` |")
	for _, a := range all {
		b.WriteString(" " + a.name + " |")
	}
	b.WriteString(" webhooks | a new issue is found again |\n| --- | --- |" + strings.Repeat(" --- |", len(all)+2) + "\n")
	for _, k := range Kinds() {
		fmt.Fprintf(&b, "| [%s](#%s) | `%s` |", k.Title, k.Type, k.Type)
		for _, a := range all {
			b.WriteString(map[bool]string{true: " yes |", false: " |"}[a.has(k)])
		}
		b.WriteString(" " + webhooks(k) + " | " + lookUp(k) + " |\n")
	}
	var common strings.Builder
	fieldTable(&common, "setting", targets.CommonSettings())
	b.WriteString("\n" + strings.Replace(mappingHelp, "%%mapping%%\n", common.String(), 1))
	for _, k := range Kinds() {
		b.WriteString("\n<a id=\"" + k.Type + "\"></a>\n\n" + Describe(k))
	}
	return b.String()
}

// webhooks says who sets up the webhook that tells of changed issues.
func webhooks(k targets.Kind) string {
	switch {
	case !can[targets.HookReader](k):
		return "none"
	case can[targets.HookRegistrar](k):
		return "registered by the plugin"
	default:
		return "set up by hand"
	}
}

// lookUp says how a create whose outcome is unknown is resolved.
func lookUp(k targets.Kind) string {
	switch t := exampleTraits(k); t.Lookup {
	case targets.LookupExact:
		return "exactly, by an id that we choose"
	case targets.LookupScan:
		return "by reading the latest issues" + lag(", within ", t.Consistency)
	case targets.LookupSearch:
		return "by a search" + cmp.Or(lag(" that may lag up to ", t.Consistency), ", at once")
	case targets.LookupNone: // with the example's settings
		return "only where the settings describe a look-up"
	default:
		return ""
	}
}

// lag says how long a look-up may miss a new issue, "" if it never does.
func lag(words string, d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%s%g s", words, d.Seconds())
}

// exampleTraits opens a kind with its own examples, which a test holds valid.
func exampleTraits(k targets.Kind) targets.Traits {
	settings, creds, err := Example(k)
	if err != nil {
		return targets.Traits{}
	}
	target, err := k.Open(settings, creds, targets.Deps{})
	if err != nil {
		return targets.Traits{}
	}
	return target.Traits()
}

// Example returns the settings and credentials that a kind's examples of its
// required and usual fields make.
func Example(k targets.Kind) (settings map[string]any, credentials map[string]secret.String, err error) {
	settings, credentials = map[string]any{}, map[string]secret.String{}
	for _, f := range exampleSettings(k) {
		var v any
		if err := yaml.Unmarshal([]byte(f.Example), &v); err != nil {
			return nil, nil, fmt.Errorf("example of %s.%s: %w", k.Type, f.Name, err)
		}
		settings[f.Name] = v
	}
	for _, f := range exampleCredentials(k) {
		credentials[f.Name] = secret.New("example-" + f.Name)
	}
	return settings, credentials, nil
}

func exampleSettings(k targets.Kind) []settings.Field {
	var shown []settings.Field
	for _, f := range k.Settings {
		if f.Required || f.Usual {
			shown = append(shown, f)
		}
	}
	return shown
}

// exampleCredentials are the required ones, or the first where any of several
// will do.
func exampleCredentials(k targets.Kind) []settings.Field {
	var required []settings.Field
	for _, f := range k.Credentials {
		if f.Required {
			required = append(required, f)
		}
	}
	if len(required) == 0 && len(k.Credentials) > 0 && k.Credentials[0].Name != settings.AnyName {
		required = k.Credentials[:1]
	}
	return required
}

// Describe is all about one kind, in Markdown.
func Describe(k targets.Kind) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", k.Title)
	if able := abilitiesOf(k); len(able) > 0 {
		fmt.Fprintf(&b, "Besides creating and finding issues, it can: %s. Webhooks: %s. A new issue is found again %s.\n\n", strings.Join(able, ", "), webhooks(k), lookUp(k))
	}
	part(&b, "Permissions", k.Guide.Permissions)
	part(&b, "How to make the credential", k.Guide.Token)
	b.WriteString("```yaml\n" + exampleYAML(k) + "```\n\n")
	fieldTable(&b, "setting", k.Settings)
	fieldTable(&b, "credential", k.Credentials)
	for _, n := range k.Guide.Notes {
		b.WriteString("- " + n + "\n")
	}
	if len(k.Guide.Notes) > 0 {
		b.WriteString("\n")
	}
	if len(k.Guide.Hook) > 0 {
		b.WriteString("**How to add the webhook by hand.** `" + targets.HookAddress + "` and `" + targets.HookSecret + "` are the integration's own.\n\n")
		for i, step := range k.Guide.Hook {
			fmt.Fprintf(&b, "%d. %s\n", i+1, step)
		}
		b.WriteString("\n")
	}
	if len(k.Guide.Errors) > 0 {
		b.WriteString("| the button says | it means |\n| --- | --- |\n")
		for _, e := range k.Guide.Errors {
			fmt.Fprintf(&b, "| %s | %s |\n", tableText(e.Says), tableText(e.Means))
		}
		b.WriteString("\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func part(b *strings.Builder, title, text string) {
	if text != "" {
		fmt.Fprintf(b, "**%s.** %s\n\n", title, text)
	}
}

func exampleYAML(k targets.Kind) string {
	var b strings.Builder
	fmt.Fprintf(&b, "target:\n  type: %s\n", k.Type)
	section := func(name string, fields []settings.Field) {
		if len(fields) == 0 {
			return
		}
		fmt.Fprintf(&b, "  %s:\n", name)
		for _, f := range fields {
			fmt.Fprintf(&b, "    %s: %s\n", f.Name, strings.ReplaceAll(f.Example, "\n", "\n      "))
		}
	}
	section("settings", exampleSettings(k))
	section("credentials", exampleCredentials(k))
	return b.String()
}

func fieldTable(b *strings.Builder, what string, fields []settings.Field) {
	if len(fields) == 0 {
		return
	}
	fmt.Fprintf(b, "| %s | | what it is | example |\n| --- | --- | --- | --- |\n", what)
	for _, f := range fields {
		fmt.Fprintf(b, "| `%s` | %s | %s | `%s` |\n", f.Name, need(f), tableText(f.Help), tableText(strings.ReplaceAll(f.Example, "\n", " ")))
	}
	b.WriteString("\n")
}

func need(f settings.Field) string {
	text := "optional"
	switch {
	case f.Required:
		text = "required"
	case f.Default != "":
		text = "default `" + f.Default + "`"
	}
	if len(f.Enum) > 0 {
		text += "; " + strings.Join(f.Enum, ", ")
	}
	return tableText(text)
}

func tableText(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

const documentHead = `# Trackers

` + "`plugin targets`" + ` lists the trackers, and ` + "`plugin targets describe NAME`" + ` prints the part about one. A test makes this page of the
adapters' own descriptions (` + "`go test ./internal/targets/catalog -update`" + `).

`

const mappingHelp = `## What every tracker has

These settings decide how an item of Productboard becomes an issue. ` + "`plugin apply`" + ` and ` + "`plugin doctor`" + ` check them before the first
click, together with the tracker's required fields and Productboard's names of fields.

` + "%%mapping%%" + `
Templates are Go's [text/template](https://pkg.go.dev/text/template), without ` + "`define`, `block` and `template`" + `; loops go over lists of the item, and no variable is set twice. They see ` + "`.Name`, `.Description`, `.Type`, `.Status`, `.Tags`, `.Link`, `.ID`, `.Owner.Email`, `.Pusher.Name`, `.Pusher.Email`" + `, and these functions:

| function | what it returns |
| --- | --- |
| ` + "`field \"Effort\"`" + ` | the value of any field, standard or custom, by its name or id; nothing if the item has none |
| ` + "`join \", \" .Tags`" + ` | a list as one text |
| ` + "`default \"none\" (field \"Effort\")`" + ` | the first where the second is empty |
| ` + "`upper`, `lower`, `trim`, `truncate 40`, `replace \"a\" \"b\"`" + ` | the text, changed |
| ` + "`date \"02.01.2006\" (field \"Due\")`" + ` | a date in Go's layout |
| ` + "`plain .Description`" + ` | rich text without its markup |

The templates of one item may together take 100,000 steps and work through 32 MB of text. A field, a function or a piece of text is one step, in each turn of a loop.
The text is what their functions read and make. A push usually takes less than a hundredth of the steps. A template that does more is refused when it is set, or ends the push with
an error that names its setting. Use fewer loops then, and fewer functions over long texts.

A text that is longer than the tracker takes is cut at a paragraph or word, and a link to the rest ends it. Where an admin or a proxy has set a lower limit than
usual, its refusal says so. The plugin then cuts the text to the limit that the refusal names, or to half, and sends it once more.

In ` + "`fields`" + `, rich text keeps its form where the tracker's field takes long texts. Acceptance criteria arrive whole, with lists, bold and code, in the format of
descriptions. A text that is too long for the field is cut, and a link to Productboard takes the place of the rest. The preview says so. A field of one line
gets the text without its markup.
`
