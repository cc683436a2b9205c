package board

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// HookSender is the ability of a tracker to send webhooks, and to send them wrongly. An
// error's text is shown to whoever asked for the change.
type HookSender interface {
	// Hooks lists the registered webhooks and, newest first, what was sent lately.
	Hooks(ctx context.Context) TrackerHooks
	// SetHookFaults decides how many webhooks, in percent, go wrong.
	SetHookFaults(ctx context.Context, f HookFaults) error
	// SendAgain sends a delivery once more.
	SendAgain(ctx context.Context, seq int) error
}

// TrackerHooks is what the page of webhooks shows.
type TrackerHooks struct {
	Hooks      []TrackerHook
	Deliveries []HookDelivery
	Faults     HookFaults
}

// TrackerHook is a registered webhook.
type TrackerHook struct {
	Project, URL string
	Active       bool
}

// HookDelivery is a try to deliver a webhook.
type HookDelivery struct {
	Seq    int
	At     time.Time
	Issue  string
	Change string
	// Kind says what is special about it: "lost", "doubled", "late", "forged" and others.
	Kind string
	// Answer is the receiver's status, or why there is none.
	Answer string
	// Good and Bad colour it; a lost one is neither.
	Good, Bad bool
}

// HookFaults are shares in percent.
type HookFaults struct{ Lost, Doubled, Late, Forged int }

func (p *pages) hooks(w http.ResponseWriter, r *http.Request) {
	sender, able := p.tracker.(HookSender)
	if !able {
		p.notFound(w, "This tracker sends no webhooks.")
		return
	}
	all := sender.Hooks(r.Context())
	type switches struct {
		Name, Label string
		Percent     int
		Choices     []int
	}
	choices := []int{0, 10, 50, 100}
	p.show(w, http.StatusOK, "hooks.html", map[string]any{"Hooks": all.Hooks, "Deliveries": all.Deliveries, "Faults": []switches{
		{"lost", "Lost", all.Faults.Lost, choices},
		{"doubled", "Sent twice", all.Faults.Doubled, choices},
		{"late", "Five seconds late", all.Faults.Late, choices},
		{"forged", "With a forged one beside it", all.Faults.Forged, choices},
	}})
}

// changeHooks does what a form of the page of webhooks asks for.
func (p *pages) changeHooks(w http.ResponseWriter, r *http.Request) {
	sender, able := p.tracker.(HookSender)
	if !able {
		p.notFound(w, "This tracker sends no webhooks.")
		return
	}
	percent := func(name string) int {
		n, _ := strconv.Atoi(r.FormValue(name))
		return n
	}
	var err error
	switch r.PathValue("change") {
	case "faults":
		err = sender.SetHookFaults(r.Context(), HookFaults{Lost: percent("lost"), Doubled: percent("doubled"), Late: percent("late"), Forged: percent("forged")})
	case "again":
		err = sender.SendAgain(r.Context(), percent("value"))
	default:
		p.notFound(w, "There is no such change.")
		return
	}
	if err != nil {
		p.show(w, http.StatusConflict, "message.html", struct{ Title, Text string }{"Not done", "The tracker did not do it: " + err.Error() + "."})
		return
	}
	http.Redirect(w, r, Prefix+"/tracker/hooks", http.StatusSeeOther)
}
