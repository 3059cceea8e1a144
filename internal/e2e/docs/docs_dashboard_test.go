// SPDX-License-Identifier: Apache-2.0

// Package docs tests the files for operators with a real Prometheus: the queries of the
// dashboard, the rules and their unit tests.
package docs

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// shipped is the folder of the files for operators.
var shipped = filepath.Join("..", "..", "..", "docs")

// A target is one query of the dashboard.
type target struct {
	panel string
	expr  string
}

// targets returns the queries of the dashboards' panels as Grafana sends them, with the
// defaults of all variables, for a job that is not a sidecar.
func targets(t *testing.T, job string) []target {
	t.Helper()
	return slices.DeleteFunc(sidecarTargets(t, job), func(query target) bool { return strings.Contains(query.expr, "otelkv_ingest_") })
}

// sidecarTargets is targets with the queries of sidecars.
func sidecarTargets(t *testing.T, job string) []target {
	t.Helper()
	var all []target
	for _, name := range dashboardFiles() {
		all = append(all, targetsOf(t, name, job)...)
	}
	return all
}

// dashboardFiles are the names of the dashboards.
func dashboardFiles() []string { return []string{"kv-offload.json", "kv-offload-engine.json"} }

func targetsOf(t *testing.T, name, job string) []target {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shipped, "dashboards", name))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer(
		`instance=~"$instance"`, `job="`+job+`"`,
		// The dashboard of one engine.
		`model_name="$model",engine="$engine",instance="$instance"`, `engine="0",job="`+job+`"`,
		"$model", ".*", "$engine", ".*", "$tier", ".*",
		"$__rate_interval", "10s",
	)
	var all []target
	for _, panel := range dashboard.Panels {
		for _, query := range panel.Targets {
			all = append(all, target{panel.Title, variables.Replace(query.Expr)})
		}
	}
	if len(all) == 0 {
		t.Fatal("the dashboard has no queries")
	}
	return all
}

// someNumber accepts a vector with a finite number.
func someNumber(vector []servers.Sample) error {
	for _, sample := range vector {
		if !math.IsNaN(sample.Value) {
			return nil
		}
	}
	return fmt.Errorf("no number in %v", vector)
}

// TestPanels tests that every query of every panel returns data, by each documented route
// that keeps the Prometheus names.
func TestPanels(t *testing.T) {
	program := servers.BuildTieredCache(t)
	collector := servers.StartCollector(t, "docs/collector/collector.yaml")
	deltas := servers.StartCollector(t, "docs/collector/collector-delta.yaml")
	run := func(environment ...string) *servers.Process {
		return servers.StartTieredCache(t, program, append(environment, "OTEL_METRIC_EXPORT_INTERVAL=500"),
			"-engines=2", "-seed=1")
	}
	// A Collector makes the label job from the name of the service.
	push := func(name string, to *servers.Collector, environment ...string) {
		run(append(environment, "OTEL_SERVICE_NAME="+name, "OTEL_METRICS_EXPORTER=otlp",
			"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+to.GRPC)...)
	}
	scraped := run()
	push("collected", collector)
	push("deltas", deltas, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta")
	prometheus := servers.StartPrometheus(t, configuration(t, host(t, scraped.ScrapeURL()), collector.Scrape, deltas.Scrape))

	for _, job := range []string{"otelkv", "collected", "deltas"} {
		t.Run(job, func(t *testing.T) {
			for _, target := range targets(t, job) {
				t.Run(target.panel, func(t *testing.T) {
					prometheus.Await(t, target.expr, someNumber)
				})
			}
		})
	}
}

// TestPanelsOverOTLP is TestPanels for a service that sends Prometheus names straight to
// Prometheus. It has no self-metrics and no primary tier, so their panels are left out.
func TestPanelsOverOTLP(t *testing.T) {
	prometheus := servers.StartPrometheus(t, configuration(t, "127.0.0.1:1"))
	load.OverHTTP(t, prometheus.OTLPEndpoint())
	load.WhenFlushed(t)
	service := load.NewService(t, vllm.TieringSpec(), "direct", exporters.WithExporters("otlp"),
		exporters.WithExportOptions(otelkv.WithPrometheusNames()))
	// Rates need a few exports, apart in time.
	for round := range 6 {
		service.Measure(t, round)
		service.Flush(t)
		time.Sleep(200 * time.Millisecond)
	}
	now := time.Now()
	for _, target := range targets(t, "direct") {
		if strings.Contains(target.expr, "otelkv_") || strings.Contains(target.expr, `tier="0:primary"`) {
			continue // The load's engine has no lookups in a primary tier.
		}
		t.Run(target.panel, func(t *testing.T) {
			vector, err := prometheus.Query(target.expr, now)
			if err == nil {
				err = someNumber(vector)
			}
			if err != nil {
				t.Errorf("%s: %v", target.expr, err)
			}
		})
	}
}

// configuration makes Prometheus scrape a service, and Collectors with honor_labels, and
// evaluate the rules for operators.
func configuration(t *testing.T, service string, collectors ...string) string {
	t.Helper()
	rules, err := filepath.Abs(filepath.Join(shipped, "alerts", "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`global:
  scrape_interval: 500ms
  scrape_timeout: 500ms
  evaluation_interval: 500ms
rule_files: [%q]
scrape_configs:
  - job_name: otelkv
    static_configs: [{targets: [%q]}]
  - job_name: collector
    honor_labels: true
    static_configs: [{targets: [%s]}]
otlp:
  translation_strategy: NoUTF8EscapingWithSuffixes
`, rules, service, strings.Join(collectors, ", "))
}

// host returns the host and port of a URL.
func host(t *testing.T, address string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		t.Fatalf("%q is not a URL", address)
	}
	return parsed.Host
}
