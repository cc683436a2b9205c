package sandbox_test

import (
	"os"
	"testing"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"pushbutton/internal/pbapi/pbfake"
)

func TestZZLook(t *testing.T) {
	s := newStage(t, 60)
	p := newPage(t)
	shot := func(name string) {
		require.NoError(t, os.WriteFile("/tmp/"+name+".png", read(p, chromedp.CaptureScreenshot()), 0o644))
	}
	e := s.fake.Entities("feature")[0]
	p.open(s)
	p.push(s.cell(e))
	p.settled(s.cell(e), "connected")
	p.hover(s.cell(e) + ` a`)
	p.see(`#tip`)
	shot("hover")
	p.do(chromedp.Navigate(s.server.URL + "/sandbox/tracker"))
	shot("tracker")
	p.do(chromedp.Navigate(s.server.URL + "/sandbox/tracker/issues/1"))
	shot("issue")
	for i := 0; i < 7; i++ {
		p.do(chromedp.Navigate(s.server.URL + "/sandbox" + strings.TrimPrefix(s.fake.PageOf(s.fake.Entities("feature")[i].ID), pbfake.DefaultAppURL)))
		if i == 1 || i == 3 { shot("entity" + string(rune('0'+i))) }
	}
	p.do(chromedp.EmulateViewport(420, 860))
	p.open(s)
	shot("narrow")
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	require.NoError(t, err)
	p.do(chromedp.EmulateViewport(1320, 860))
	p.do(chromedp.Navigate(s.server.URL + "/sandbox/tracker/issues/1"))
	shot("issue-dark")
}
