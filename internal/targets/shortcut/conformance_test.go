package shortcut_test

import (
	"testing"

	"pushbutton/internal/targets/shortcut/shortcutfake"
	"pushbutton/internal/targets/targettest"
)

func TestConformance(t *testing.T) {
	targettest.Run(t, shortcutfake.Harness())
}
