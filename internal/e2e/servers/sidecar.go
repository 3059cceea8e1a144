// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"regexp"
	"testing"
)

// A Sidecar is a "otelkv sidecar" that a test started.
type Sidecar struct {
	*Process
	// BatchesURL takes batches, and ScrapeURL scrapes.
	BatchesURL, ScrapeURL string
}

// StartSidecar builds the command and runs it as a sidecar until the test ends.
func StartSidecar(t testing.TB, arguments ...string) *Sidecar {
	t.Helper()
	arguments = append([]string{"sidecar", "--listen=http://127.0.0.1:0", "--health="}, arguments...)
	s := &Sidecar{Process: start(t, "sidecar", BuildProgram(t, "cmd/otelkv"), arguments, []string{"OTEL_EXPORTER_PROMETHEUS_PORT=0"})}
	s.await(t, "ready", func() bool {
		batches, scrape := takingBatches.FindStringSubmatch(s.Log()), serving.FindStringSubmatch(s.Log())
		if batches == nil || scrape == nil {
			return false
		}
		s.BatchesURL, s.ScrapeURL = batches[1], scrape[1]
		return true
	})
	return s
}

// What a sidecar prints about its addresses.
var (
	takingBatches = regexp.MustCompile(`taking batches" address=(http://\S+)`)
	serving       = regexp.MustCompile(`prometheus \((http://[^)]+)\)`)
)
