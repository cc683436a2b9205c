package azuredevops_test

import (
	"testing"

	"pushbutton/internal/targets/azuredevops/azuredevopsfake"
	"pushbutton/internal/targets/targettest"
)

func TestConformance(t *testing.T) {
	targettest.Run(t, azuredevopsfake.Harness())
}
