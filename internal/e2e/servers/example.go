// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"regexp"
	"testing"
)

// BuildTieredCache builds the example tieredcache for one test and returns its
// path.
func BuildTieredCache(t testing.TB) string { return BuildProgram(t, "examples/tieredcache") }

// StartSimulator builds the example simulator and runs it until the test ends.
func StartSimulator(t testing.TB, arguments ...string) *Process {
	t.Helper()
	p := start(t, "simulator", BuildProgram(t, "examples/simulator"), append([]string{"-listen=127.0.0.1:0"}, arguments...), nil)
	p.await(t, "running", func() bool { return p.ScrapeURL() != "" })
	return p
}

// StartFleet runs the example fleet/gateway for each worker, with its name as the flag
// -worker, until the test ends.
func StartFleet(t testing.TB, environment []string, workers ...string) {
	t.Helper()
	path := BuildProgram(t, "examples/fleet/gateway")
	for _, worker := range workers {
		start(t, "gateway "+worker, path, []string{"-worker=" + worker, "-interval=10ms"}, environment)
	}
}

// StartTieredCache runs the program at path until it ends or the test does. The default
// duration is longer than any test.
func StartTieredCache(t testing.TB, path string, environment []string, arguments ...string) *Process {
	t.Helper()
	p := start(t, "tieredcache", path, append([]string{"-listen=127.0.0.1:0", "-duration=15m"}, arguments...), environment)
	p.await(t, "running", func() bool { return announcement.MatchString(p.Log()) })
	return p
}

// announcement is the line that tieredcache, or a simulator with its pipeline, prints
// when it runs.
var announcement = regexp.MustCompile(`(?m)^(?:Serving metrics at (http://[^\s,]+)|otelkv pipeline: prometheus \((http://[^)]+)\)|Running, )`)

// ScrapeURL returns the URL of scrapes that a tieredcache or a simulator printed, or an
// empty string.
func (p *Process) ScrapeURL() string {
	found := announcement.FindStringSubmatch(p.Log())
	if found == nil {
		return ""
	}
	return found[1] + found[2]
}
