package board_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
)

func TestBoardFromPushToUnlink(t *testing.T) {
	r := newRig(t, 40)
	p := newPage(t)
	e := r.fake.Entities("feature")[0]
	cell := r.cell(e)
	p.open(r)
	p.settled(cell, "initial")
	require.Equal(t, "Push", p.text(cell+` [data-action="push"]`))
	p.push(cell)
	p.settled(cell, "connected")
	require.Equal(t, "In review", p.text(cell+` .label`))
	require.Equal(t, "http://127.0.0.1:1/issues/7", read(p, chromedp.AttributeValue(chromedp.CSS(cell+` a`), "href")).Value)
	p.hover(cell + ` a`)
	p.see(cell + ` .hover`)
	require.Equal(t, "PB-7", p.text(cell+` .hover`))
	require.Equal(t, "PB-7 Dark mode", p.text(`#tip`))
	require.Contains(t, p.text(`#said`), "connected", "the outcome is read out")
	require.Equal(t, "1", p.text(`[data-total="connected"] dd`))

	p.press(cell + ` [data-action="unlink"]`)
	p.settled(cell, "initial")
	p.there(`[data-total="connected"][data-none]`)
	require.Equal(t, "initial", r.fake.State(r.integration, e.ID).Name)
	log := p.text(`#log`)
	for _, want := range []string{"Push clicked", "Answered in", "Connected, “In review”", "Unlink clicked", e.Name()} {
		require.Contains(t, log, want)
	}
}

func TestBoardShowsErrors(t *testing.T) {
	r := newRig(t, 40)
	p := newPage(t)
	cell := r.cell(r.fake.Entities("initiative")[0])
	warning := cell + ` [data-action="show-error"]`
	const why = `The field <b>"Team"</b> is required in Jira. Ask an admin to map it.`
	raw, err := json.Marshal(map[string]string{"state": "error", "message": why})
	require.NoError(t, err)
	r.willAnswer(string(raw))
	p.open(r)
	p.push(cell)
	p.settled(cell, "error")
	p.press(warning)
	p.see(`dialog[open]`)
	require.Equal(t, why, p.text(`#error-message`), "as text, not as markup")
	p.press(`dialog [data-action="dismiss"]`)
	p.settled(cell, "initial")

	p.push(cell)
	p.settled(cell, "error")
	r.willAnswer(connected)
	// With the keyboard alone: look, close, look again, try again.
	p.focus(warning)
	p.keys(kb.Enter)
	p.see(`dialog[open]`)
	p.keys(kb.Escape)
	p.notSee(`dialog`)
	p.keys(kb.Enter)
	p.see(`dialog[open]`)
	p.focus(`dialog [data-action="retry"]`)
	p.keys(kb.Enter)
	p.settled(cell, "connected")
}

func TestBoardSwitchesFaults(t *testing.T) {
	r := newRig(t, 12)
	p := newPage(t)
	cell := r.cell(r.fake.Entities("feature")[0])
	p.open(r)
	p.do(chromedp.SetValue(chromedp.CSS(`[data-fault="no-plugin"] select`), "3")) // next time
	p.press(`[data-fault="no-plugin"] input`)
	r.awaitFaults(1)
	p.push(cell)
	p.settled(cell, "error")
	p.press(cell + ` [data-action="show-error"]`)
	require.Contains(t, p.text(`#error-debug pre`), "502")
	p.press(`dialog [data-action="dismiss"]`)
	p.settled(cell, "initial")
	p.there(`[data-fault="no-plugin"] input:not(:checked)`) // it was for one time: the switch follows

	// And it follows what others set.
	_, err := r.fake.SetFault(pbfake.Fault{ID: "put-lost", Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultLost, Probability: 0.5})
	require.NoError(t, err)
	_, err = r.fake.SetFault(pbfake.Fault{Class: pbfake.ClassProbe, Kind: pbfake.FaultDropBefore})
	require.NoError(t, err)
	p.there(`[data-fault="put-lost"] input:checked`)
	p.see(`#other-faults`)
	require.Equal(t, "1", read(p, chromedp.Value(chromedp.CSS(`[data-fault="put-lost"] select`))), "1 in 2")
	require.Contains(t, p.text(`#other-faults`), "1 more")
	p.press(`[data-fault="put-lost"] input`)
	r.awaitFaults(1)
}

func TestBoardTrustsNobodysTexts(t *testing.T) {
	r := newRig(t, 1)
	p := newPage(t)
	const evil = `<img src=x onerror="document.title='pwned'">`
	e, err := r.fake.AddEntity(pbfake.Entity{Type: "feature", Fields: map[string]any{"name": evil}})
	require.NoError(t, err)
	r.fake.SetState(r.integration, e.ID, pbfake.State{Name: "connected", Label: evil, HoverLabel: evil, Tooltip: evil, Color: `"><script>`, TargetURL: "javascript:document.title='pwned'"})
	cell := r.cell(e)
	p.open(r)
	p.settled(cell, "connected")
	require.Equal(t, evil, p.text(`tr[data-row="`+e.ID+`"] th a`))
	require.Equal(t, evil, p.text(cell+` .label`))
	p.hover(cell + ` a`)
	require.Equal(t, evil, p.text(`#tip`))
	require.False(t, read(p, chromedp.AttributeValue(chromedp.CSS(cell+` a`), "href")).Exists, "only web addresses become links")
	p.press(cell + ` a`)
	require.Equal(t, "Board · Push button sandbox", read(p, chromedp.Title()))
}

func TestBoardComesBack(t *testing.T) {
	r := newRig(t, 12)
	p := newPage(t)
	e := r.fake.Entities("feature")[0]
	cell := r.cell(e)
	p.open(r)
	p.settled(cell, "initial")
	r.server.CloseClientConnections()
	r.fake.SetState(r.integration, e.ID, pbfake.State{Name: "progress"})
	p.settled(cell, "progress")
	p.see(`[data-live="live"]`)

	second := r.register("Design") // a new column, without a reload
	p.see(cellOf(e, second))
	p.do(chromedp.SendKeys(chromedp.CSS(`#find`), "dark MODE"))
	p.notSee(cell)
	p.see(r.cell(r.fake.Entities("feature")[1]))
}

func TestBoardClicksTwice(t *testing.T) {
	r := newRig(t, 12)
	p := newPage(t)
	e := r.fake.Entities("feature")[1]
	p.open(r)
	p.press(`#twice`)
	p.push(r.cell(e))
	p.settled(r.cell(e), "connected")
	require.Equal(t, 2, r.fake.ConnectionCalls(r.integration, e.ID)[pbfake.OpClick])
}

// A large board: 200 items and three columns, every cell of one written at
// once.
func TestBoardIsQuick(t *testing.T) {
	r := newRig(t, 200)
	r.register("Design")
	r.register("Support")
	p := newPage(t)
	p.do(chromedp.Navigate("about:blank"))
	start := time.Now()
	p.open(r)
	p.settled(r.cell(r.fake.Entities("feature")[0]), "initial")
	loaded := time.Since(start)
	start = time.Now()
	for _, e := range r.fake.Entities() {
		r.fake.SetState(r.integration, e.ID, pbfake.State{Name: "error", Message: "No."})
	}
	read(p, chromedp.Poll[bool](`document.querySelector('[data-total="error"] dd').textContent === "200"`))
	t.Logf("600 cells shown %s after navigation; 200 writes shown after %s", loaded.Round(time.Millisecond), time.Since(start).Round(time.Millisecond))
	require.Equal(t, 200, read(p, chromedp.Evaluate[int](`document.querySelectorAll('td[data-state="error"] [data-action="show-error"]').length`)))
}

// TestBoardScreenshot writes a picture for the documentation to the path in
// BOARD_SCREENSHOT; a dark one if BOARD_SCREENSHOT_THEME is "dark".
func TestBoardScreenshot(t *testing.T) {
	path := os.Getenv("BOARD_SCREENSHOT") //nolint:forbidigo // a test's own switch
	if path == "" {
		t.Skip("BOARD_SCREENSHOT names no file")
	}
	r := newRig(t, 60)
	support := r.register("Support tools")
	p := newPage(t)
	theme := os.Getenv("BOARD_SCREENSHOT_THEME") //nolint:forbidigo // a test's own switch
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
	})
	require.NoError(t, err)
	p.do(chromedp.EmulateViewport(1320, 860, chromedp.EmulateScale(2)))
	p.open(r)
	issue := func(label, key, title, color string) string {
		raw, err := json.Marshal(pbfake.State{Name: "connected", Label: label, HoverLabel: key, Tooltip: key + " " + title, Color: color, TargetURL: "https://tracker.example/" + key})
		require.NoError(t, err)
		return string(raw)
	}
	const failed = 12
	scene := []struct {
		row         int
		integration string
		outcome     string
		state       string
	}{
		{0, r.integration, issue("In review", "PB-7", "Single sign-on with SAML", "blue"), "connected"},
		{1, r.integration, issue("Done", "PB-8", "Dark mode", "green"), "connected"},
		{1, support, issue("Waiting", "HELP-31", "Dark mode", "yellow"), "connected"},
		{3, support, "", "progress"},
		{4, r.integration, issue("Blocked", "PB-12", "Keyboard shortcuts", "red"), "connected"},
		{5, r.integration, "", "progress"},
		{6, r.integration, issue("To do", "PB-14", "Offline drafts", "gray"), "connected"},
		{6, support, issue("Planned", "HELP-40", "Offline drafts", "purple"), "connected"},
		{7, r.integration, issue("In test", "PB-15", "Two-factor authentication", "orange"), "connected"},
		{failed, r.integration, `{"state":"error","message":"Redmine refused the issue: the field “Team” is required. Ask an admin to map it in the integration's settings."}`, "error"},
	}
	features := r.fake.Entities("feature")
	for _, c := range scene {
		r.willAnswer(c.outcome)
		cell := cellOf(features[c.row], c.integration)
		p.push(cell)
		p.settled(cell, c.state)
	}
	p.press(`[data-fault="put-lost"] input`)
	r.awaitFaults(1)
	p.press(r.cell(features[failed]) + ` [data-action="show-error"]`)
	p.see(`dialog[open]`)
	read(p, chromedp.Poll[bool](`!document.querySelector("[data-flash]")`))
	picture := read(p, chromedp.CaptureScreenshot())
	require.True(t, bytes.HasPrefix(picture, []byte("\x89PNG")))
	require.NoError(t, os.WriteFile(path, picture, 0o644))
	t.Logf("written: %s", path)
}
