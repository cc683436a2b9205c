package azuredevops_test

import (
	"testing"

	"pushbutton/internal/targets/azuredevops/azuredevopsfake"
	"pushbutton/internal/targets/targettest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	targettest.Run(t, azuredevopsfake.Harness())
}
