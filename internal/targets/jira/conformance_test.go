package jira_test

import (
	"testing"

	"pushbutton/internal/targets/jira/jirafake"
	"pushbutton/internal/targets/targettest"
)

func TestConformanceCloud(t *testing.T) {
	targettest.Run(t, jirafake.Harness())
}
func TestConformanceGateway(t *testing.T) {
	targettest.Run(t, jirafake.GatewayHarness())
}
func TestConformanceDataCenter(t *testing.T) {
	targettest.Run(t, jirafake.DataCenterHarness())
}
