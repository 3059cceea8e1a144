// SPDX-License-Identifier: Apache-2.0

package processes

import (
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
)

// scraped returns the sum of the series that a program shows.
func scraped(t *testing.T, url, name string, containing ...string) float64 {
	t.Helper()
	return exposition.Flatten(t, exposition.Scrape(t, url)).Sum(name, containing...)
}

// end ends a program with a signal, and returns its status.
func end(t *testing.T, process *servers.Process) int {
	t.Helper()
	process.Signal(t, syscall.SIGTERM)
	return process.Wait(t, ending)
}

// A sidecar that keeps its state, and its addresses.
type sidecar struct {
	process *servers.Process
	batches string
	scrapes string
}

// startSidecar runs the sidecar at the addresses. The command comes before its flags.
func startSidecar(t *testing.T, addresses []string, state string, command ...string) *sidecar {
	t.Helper()
	host, port, _ := strings.Cut(addresses[1], ":")
	arguments := append(slices.Clone(command[1:]), "sidecar", "--listen=http://"+addresses[0], "--health=", "--state="+state)
	process := servers.Run(t, command[0], []string{
		"OTEL_EXPORTER_PROMETHEUS_HOST=" + host, "OTEL_EXPORTER_PROMETHEUS_PORT=" + port,
	}, arguments...)
	process.AwaitLog(t, regexp.MustCompile("msg=ready"))
	return &sidecar{process, "http://" + addresses[0] + "/v1/batches", "http://" + addresses[1] + "/metrics"}
}
