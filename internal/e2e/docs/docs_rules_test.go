// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/internal/e2e/servers"
)

// TestRuleFiles checks the rules with promtool, and runs their unit tests, in which each
// alert fires and stays silent where it should.
func TestRuleFiles(t *testing.T) {
	promtool := servers.Promtool(t)
	for _, arguments := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"},
		{"test", "rules", "rules.test.yaml"},
	} {
		command := exec.CommandContext(t.Context(), promtool, arguments...)
		command.Dir = filepath.Join(shipped, "alerts")
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", command, err, output)
		}
	}
}

// TestRulesEvaluate tests with a service under load that Prometheus evaluates every rule,
// that every recording rule has a value, and that no alert fires for a healthy service.
func TestRulesEvaluate(t *testing.T) {
	service := servers.StartTieredCache(t, servers.BuildTieredCache(t), nil, "-seed=1")
	prometheus := servers.StartPrometheus(t, configuration(t, host(t, service.ScrapeURL())))

	rules := evaluated(t, prometheus)
	recordings := 0
	for _, rule := range rules {
		if rule.Health != "ok" {
			t.Errorf("%s: %s: %s", rule.Name, rule.Health, rule.LastError)
		}
		if rule.Type == "recording" {
			recordings++
			prometheus.Await(t, rule.Name, someNumber)
		}
	}
	if recordings == 0 || recordings == len(rules) {
		t.Errorf("%d rules, of which %d record: expected some of each kind", len(rules), recordings)
	}
	firing, err := prometheus.Query(`ALERTS{alertstate="firing"}`, time.Time{})
	if err != nil || len(firing) > 0 {
		t.Errorf("alerts that fire: %v, %v", firing, err)
	}
}

// evaluated waits until Prometheus has evaluated every rule once.
func evaluated(t *testing.T, prometheus *servers.Prometheus) []servers.Rule {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		rules, err := prometheus.Rules()
		pending := err != nil || len(rules) == 0
		for _, rule := range rules {
			pending = pending || rule.Health == "unknown"
		}
		if !pending {
			return rules
		}
		if time.Now().After(deadline) {
			t.Fatalf("rules that were not evaluated: %v, %v", rules, err)
		}
	}
}
