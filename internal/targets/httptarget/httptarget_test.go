package httptarget_test

import (
	"testing"

	"pushbutton/internal/targets/httptarget"
	"pushbutton/internal/targets/httptarget/httpfake"
	"pushbutton/internal/targets/targettest"
)

func TestConformanceRedmine(t *testing.T) { targettest.Run(t, httpfake.Redmine(httptarget.Kind())) }

func TestConformanceWithoutLookUp(t *testing.T) {
	targettest.Run(t, httpfake.Plain(httptarget.Kind()))
}
