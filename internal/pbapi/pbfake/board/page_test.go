package board_test

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// stepTime bounds one step in the browser.
const stepTime = 20 * time.Second

// page is a browser's tab.
type page struct {
	t   *testing.T
	ctx context.Context
}

// newPage starts Chromium, and fails the test on any error of a page's script
// or of its content policy.
func newPage(t *testing.T) *page {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no chromium on the PATH: the board is not tested in a browser")
	}
	// Not t.TempDir: Chromium may still write into it while it ends.
	dir, err := os.MkdirTemp("", "board-test-")
	require.NoError(t, err)
	ctx, cancelBrowser := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.WindowSize(1320, 860),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true))
	ctx, cancelTab := chromedp.NewContext(ctx)
	var mu sync.Mutex
	var errs []string
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits until the browser has ended
		cancelTab()
		cancelBrowser()
		_ = os.RemoveAll(dir)
		mu.Lock()
		defer mu.Unlock()
		require.Empty(t, errs, "errors in the page")
	})
	require.NoError(t, chromedp.Listen(ctx, func(ev any) {
		mu.Lock()
		defer mu.Unlock()
		switch ev := ev.(type) {
		case *runtime.EventExceptionThrown:
			errs = append(errs, ev.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			// A connection that was cut on purpose is told by the network.
			if ev.Entry.Level == log.EntryLevelError && ev.Entry.Source != log.EntrySourceNetwork {
				errs = append(errs, ev.Entry.Text)
			}
		}
	}))
	return &page{t, ctx}
}

// read runs an action that gives a value.
func read[T any](p *page, a chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepTime)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	require.NoError(p.t, err)
	return v
}

func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	for _, a := range actions {
		read(p, a)
	}
}

func (p *page) open(r *rig) {
	p.t.Helper()
	p.do(chromedp.Navigate(r.server.URL + "/sandbox/"))
	p.see(`[data-live="live"]`)
}

// see waits until something is visible, there waits until it is in the page,
// notSee until it is not visible.
func (p *page) see(css string)    { p.t.Helper(); p.do(chromedp.WaitVisible(chromedp.CSS(css))) }
func (p *page) there(css string)  { p.t.Helper(); p.do(chromedp.WaitReady(chromedp.CSS(css))) }
func (p *page) notSee(css string) { p.t.Helper(); p.do(chromedp.WaitNotVisible(chromedp.CSS(css))) }
func (p *page) press(css string)  { p.t.Helper(); p.do(chromedp.Click(chromedp.CSS(css))) }
func (p *page) keys(keys string)  { p.t.Helper(); p.do(chromedp.KeyEvent(keys)) }
func (p *page) focus(css string)  { p.t.Helper(); p.do(chromedp.Focus(chromedp.CSS(css))) }

func (p *page) text(css string) string {
	p.t.Helper()
	return read(p, chromedp.TextContent(chromedp.CSS(css)))
}

// settled waits until a cell shows a state and no click waits any more.
func (p *page) settled(cell, state string) {
	p.t.Helper()
	p.see(cell + `[data-state="` + state + `"][data-waiting="0"]`)
}

// push clicks a cell's push button.
func (p *page) push(cell string) { p.t.Helper(); p.press(cell + ` [data-action="push"]`) }

func (p *page) hover(css string) {
	p.t.Helper()
	box := read(p, chromedp.Dimensions(chromedp.CSS(css)))
	p.do(chromedp.MouseEvent("mouseMoved", box.Content[0]+4, (box.Content[1]+box.Content[5])/2))
}
