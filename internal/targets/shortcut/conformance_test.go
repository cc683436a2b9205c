package shortcut_test

import (
	"testing"

	"pushbutton/internal/targets/shortcut/shortcutfake"
	"pushbutton/internal/targets/targettest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	targettest.Run(t, shortcutfake.Harness())
}
