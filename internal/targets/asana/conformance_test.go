package asana_test

import (
	"testing"

	"pushbutton/internal/targets/asana/asanafake"
	"pushbutton/internal/targets/targettest"
)

func TestConformance(t *testing.T) {
	targettest.Run(t, asanafake.Harness())
}

func TestConformanceOfAnApp(t *testing.T) {
	targettest.Run(t, asanafake.AppHarness())
}
