// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"regexp"
	"strings"
	"testing"
)

// Every alert has what an operator needs.
func TestAlerts(t *testing.T) {
	w := &writer{window: "5m"}
	severities := map[string]bool{severityCritical: true, severityWarning: true, severityInfo: true}
	names := make(map[string]bool)
	for _, a := range alerts(w) {
		if names[a.name] {
			t.Errorf("%s: the name is used twice", a.name)
		}
		names[a.name] = true
		if !severities[a.severity] {
			t.Errorf("%s: unknown severity %q", a.name, a.severity)
		}
		if a.summary == "" || strings.HasSuffix(a.summary, ".") || strings.Contains(a.summary, "\n") {
			t.Errorf("%s: the summary is no line without a full stop: %q", a.name, a.summary)
		}
		if strings.Count(a.runbook, ".") < 2 || !strings.HasSuffix(a.runbook, ".") || strings.Contains(a.runbook, "\n") {
			t.Errorf("%s: the runbook is no paragraph: %q", a.name, a.runbook)
		}
	}
	if err := w.err(); err != nil {
		t.Error(err)
	}
}

// Every alert fires in one test and does not fire in another, also after a start and after
// a restart.
func TestAlertsHaveCasesOfBothKinds(t *testing.T) {
	for _, a := range alerts(&writer{window: "5m"}) {
		for _, kind := range []string{"", aStart, aRestart} {
			fires, silent := 0, 0
			for _, c := range a.cases {
				switch {
				case !strings.HasPrefix(c.name, kind):
				case c.labels != nil:
					fires++
				default:
					silent++
				}
			}
			if fires == 0 || silent == 0 {
				t.Errorf("%s: %q: %d cases in which it fires and %d in which it is silent", a.name, kind, fires, silent)
			}
		}
	}
}

// The panels that a runbook names exist.
func TestRunbooksNamePanels(t *testing.T) {
	shown := map[string]bool{"other": true, "writing": true}
	for _, p := range readDashboard(t, "kv-offload.json").Panels {
		shown[p.Title] = true
	}
	quoted := regexp.MustCompile(`"([^"]+)"`)
	for _, a := range alerts(&writer{window: "5m"}) {
		for _, name := range quoted.FindAllStringSubmatch(a.runbook, -1) {
			if !shown[name[1]] {
				t.Errorf("%s: the runbook names %q, which the dashboard does not have", a.name, name[1])
			}
		}
	}
}

// The test of recordings has every recording.
func TestRecordingsAreTested(t *testing.T) {
	tested := make(map[string]bool)
	for _, expression := range recordingTest().Expressions {
		tested[expression.Expr] = true
	}
	for _, r := range recordings(&writer{window: "5m"}) {
		if !tested[r.name] {
			t.Errorf("%s has no test", r.name)
		}
	}
}
