package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// errorsPage is docs/errors.md: what a run has seen. After a change of a
// sentence, write the page anew:
//
//	make build && go run ./internal/proof/e2e -plugin bin/plugin -parts admin,faults -update
type errorsPage struct{ pushes, admin []row }

const errorsIntro = `# When something goes wrong

Every sentence on this page was shown by a button or printed by a command. ` + "`make e2e`" + ` makes each of these
things happen to a running plugin, with a real Redmine and Productboard's simulator. It fails if this page
does not say what it saw.

The plugin tries a push five times within about a minute, and longer if the other side asks it to wait. A push that is
not done when ` + "`PLUGIN_PUSH_DEADLINE`" + ` has passed ends in an error. You can always push again after an error. If
an earlier try created an issue, the button gets that issue and never a second one.

## On the button

| what happens | what the button says | who mends it | recovers by itself |
| --- | --- | --- | --- |
`

const errorsAdmin = `
## In ` + "`plugin apply`" + `

Each error is one line, with the exit code 1. Nothing has been made or changed then, neither in Redis nor at
Productboard. ` + "`plugin doctor`" + ` says the same about integrations that worked before.

| what is wrong | what plugin apply says |
| --- | --- |
`

func (p errorsPage) String() string {
	var b strings.Builder
	b.WriteString(errorsIntro)
	for _, r := range p.pushes {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell(r.happens), cell(r.says), cell(r.mends), r.recovers)
	}
	b.WriteString(errorsAdmin)
	for _, r := range p.admin {
		fmt.Fprintf(&b, "| %s | `%s` |\n", cell(r.happens), cell(r.says))
	}
	return b.String()
}

func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "`", "'").Replace(s)
}

// errorsPage writes the page, or compares it with what was seen.
func (h *house) errorsPage(seen errorsPage) error {
	if seen.pushes == nil || seen.admin == nil {
		return nil // a run of some parts has not seen all of it
	}
	if h.opts.update {
		return os.WriteFile(h.opts.docs, []byte(seen.String()), 0o644) //nolint:gosec // a page to be read by all
	}
	raw, err := os.ReadFile(h.opts.docs)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if diff := firstDifference(string(raw), seen.String()); diff != "" {
		return fmt.Errorf("%s is not what was seen (-update writes it):\n%s", h.opts.docs, diff)
	}
	return nil
}

// firstDifference shows the first line in which two pages differ.
func firstDifference(page, seen string) string {
	a, b := strings.Split(page, "\n"), strings.Split(seen, "\n")
	for i := range max(len(a), len(b)) {
		was, is := "(end)", "(end)"
		if i < len(a) {
			was = a[i]
		}
		if i < len(b) {
			is = b[i]
		}
		if was != is {
			return fmt.Sprintf("line %d\n  page: %s\n  seen: %s", i+1, was, is)
		}
	}
	return ""
}
