package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"pushbutton/internal/admin"
	"pushbutton/internal/hooks/keeper"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/catalog"
)

// hookPrinter prints webhooks for people.
type hookPrinter struct{ out io.Writer }

// hookTable is a list of webhooks.
type hookTable struct {
	out  io.Writer
	w    *tabwriter.Writer
	rows int
}

func (p hookPrinter) table() *hookTable {
	return &hookTable{out: p.out, w: tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)}
}

func (t *hookTable) row(tenant string, h admin.NamedHook) {
	if t.rows++; t.rows == 1 {
		_, _ = fmt.Fprintln(t.w, "INTEGRATION\tTRACKER\tMODE\tSTATE\tLAST EVENT\tMISSED SWEEPS\tPROBLEM")
	}
	problem := h.Problem
	if problem == "" {
		problem = "-"
	}
	_, _ = fmt.Fprintf(t.w, "%s/%s\t%s\t%s\t%s\t%s\t%s\t%s\n", tenant, h.Name, h.Tracker, h.Mode, h.State, stamp(h.LastEvent), missed(h), problem)
}

func (t *hookTable) end() error {
	if t.rows == 0 {
		_, err := fmt.Fprintln(t.out, "no integrations")
		return err
	}
	return t.w.Flush()
}

// missed tells how many sweeps found what the webhook had not told.
func missed(h admin.NamedHook) string {
	if h.MissedSweeps >= keeper.SilentSweeps {
		return fmt.Sprintf("%d (silent)", h.MissedSweeps)
	}
	return fmt.Sprint(h.MissedSweeps)
}

// shown prints one webhook, and how it is set up by hand. Address and secret are not
// known here.
func (p hookPrinter) shown(tenant string, h admin.NamedHook) error {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{{"integration", tenant + "/" + h.Name + " (" + h.ID + ")"}, {"tracker", h.Tracker}, {"mode", h.Mode}, {"state", h.State},
		{"problem", h.Problem}, {"confirmed", stamp(h.Registered)}, {"ends", stamp(h.Ends)}, {"last event", stamp(h.LastEvent)}, {"missed sweeps", missed(h)}} {
		if line[1] != "" && line[1] != "-" {
			_, _ = fmt.Fprintf(w, "%s:\t%s\n", line[0], line[1])
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	kind, _ := catalog.ByType(h.Tracker)
	if len(kind.Guide.Hook) == 0 || h.State == string(keeper.None) || h.State == string(keeper.Off) {
		return nil
	}
	_, _ = fmt.Fprintf(p.out, "\nBy hand (%s and %s are told once, by `plugin hooks rotate %s/%s`, which makes a new secret):\n", targets.HookAddress, targets.HookSecret, tenant, h.Name)
	return p.steps(kind.Guide.Hook)
}

// rotated prints what became of a secret, with the steps where there are any.
func (p hookPrinter) rotated(tenant string, h admin.NamedHook) error {
	switch {
	case len(h.Steps) > 0:
		_, _ = fmt.Fprintf(p.out, "Set up the webhook of %s/%s at its tracker as follows. This is told once. The former secret is accepted for 10 minutes.\n", tenant, h.Name)
		return p.steps(h.Steps)
	case h.Problem != "":
		return fmt.Errorf("%s/%s has a new secret, and the tracker does not know it: %s", tenant, h.Name, h.Problem)
	default:
		_, err := fmt.Fprintf(p.out, "%s/%s has a new secret, and the plugin has told the tracker\n", tenant, h.Name)
		return err
	}
}

// registered prints what became of a registration.
func (p hookPrinter) registered(tenant string, h admin.NamedHook) error {
	if h.Problem != "" {
		return fmt.Errorf("%s/%s: not registered: %s", tenant, h.Name, h.Problem)
	}
	text := map[string]string{
		string(keeper.Registered): "registered",
		string(keeper.Manual):     "is set up by hand: `plugin hooks show` has the steps",
		string(keeper.Off):        "takes no webhooks (hooks: off, or no refresh)",
		string(keeper.None):       "has a tracker that sends none that can be read",
		string(keeper.Pending):    "is registered within minutes",
	}[h.State]
	if text == "" {
		text = h.State
	}
	if len(h.Steps) > 0 {
		text = "is to be set up by hand. Address and secret are not told again:"
	}
	_, _ = fmt.Fprintf(p.out, "%s/%s %s\n", tenant, h.Name, strings.TrimSpace(text))
	return p.steps(h.Steps)
}

func (p hookPrinter) steps(steps []string) error {
	for i, step := range steps {
		if _, err := fmt.Fprintf(p.out, "%3d. %s\n", i+1, step); err != nil {
			return err
		}
	}
	return nil
}
