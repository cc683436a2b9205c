package httptarget_test

import (
	"testing"

	"pushbutton/internal/targets/httptarget"
	"pushbutton/internal/targets/httptarget/httpfake"
	"pushbutton/internal/targets/targettest"
)

func TestConformanceRedmine(t *testing.T) {
	targettest.Run(t, httpfake.Redmine(httptarget.Kind()))
}

func TestConformanceWithoutLookUp(t *testing.T) {
	targettest.Run(t, httpfake.Plain(httptarget.Kind()))
}

func TestConformanceTrello(t *testing.T) {
	targettest.Run(t, httpfake.Trello(httptarget.Kind()))
}

func TestConformanceMonday(t *testing.T) {
	targettest.Run(t, httpfake.Monday(httptarget.Kind()))
}

func TestConformanceRequestTracker(t *testing.T) {
	targettest.Run(t, httpfake.RequestTracker(httptarget.Kind()))
}

func TestConformanceClickUp(t *testing.T) {
	targettest.Run(t, httpfake.ClickUp(httptarget.Kind()))
}

func TestConformanceYouTrack(t *testing.T) {
	targettest.Run(t, httpfake.YouTrack(httptarget.Kind()))
}

func TestConformanceNotion(t *testing.T) {
	targettest.Run(t, httpfake.Notion(httptarget.Kind()))
}
