// SPDX-License-Identifier: Apache-2.0

// Package dashboards tests that the published queries for vLLM's metrics return data for
// a service that uses otelkv.
package dashboards

import (
	_ "embed"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

//go:embed testdata/queries.promql
var published string

// queries returns the published queries of each board, with values for the variables.
func queries(t *testing.T, model string) map[string][]string {
	t.Helper()
	variables := strings.NewReplacer("$model_name", model, "$interval", "1m", "$aggregate_interval", "2m")
	byBoard := make(map[string][]string)
	board := ""
	for line := range strings.Lines(published) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "## "):
			board = line[3:]
		case line != "" && !strings.HasPrefix(line, "#"):
			byBoard[board] = append(byBoard[board], variables.Replace(line))
		}
	}
	if len(byBoard) != 6 {
		t.Fatalf("read %d boards, want 6", len(byBoard))
	}
	return byBoard
}

// podLabels are labels that relabelling adds for the boards.
func podLabels() map[string]string {
	return map[string]string{
		"namespace": "ns", "pod": "pod-0", "WorkerId": "worker-0",
		"llm_isvc_name": "isvc", "llm_isvc_role": "both", "llm_isvc_component": "engine",
	}
}

// asRay renames metrics as Ray does for its engines.
func asRay(name string) string { return "ray_" + strings.ReplaceAll(name, ":", "_") }

// TestDashboardsOnTieredCache evaluates the queries with the metrics of tieredcache. Its
// medium is "CPU", so queries for another medium are changed to that.
func TestDashboardsOnTieredCache(t *testing.T) {
	cache := servers.StartTieredCache(t, servers.BuildTieredCache(t), nil, "-engines=2", "-seed=1")
	testDashboards(t, cache, "tieredcache")
}

// TestDashboardsOnSimulator evaluates the queries with the metrics of the simulator.
func TestDashboardsOnSimulator(t *testing.T) {
	simulator := servers.StartSimulator(t, "-engines=2", "-model=simulated", "-interval=10ms")
	testDashboards(t, simulator, "simulated")
}

func testDashboards(t *testing.T, program *servers.Process, model string) {
	t.Helper()
	var before exposition.Samples
	moving := []string{"vllm:kv_offload_load_bytes_total", "vllm:kv_offload_store_bytes_total", "vllm:kv_offload_lookup_sync_delay_seconds_count"}
	f := record(func() map[string]*dto.MetricFamily {
		// Rates need traffic between each two snapshots, also on a slow machine.
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
			time.Sleep(200 * time.Millisecond)
			families := exposition.Scrape(t, program.ScrapeURL())
			samples := exposition.Flatten(t, families)
			if !slices.ContainsFunc(moving, func(name string) bool { return samples.Sum(name) <= before.Sum(name) }) {
				before = samples
				return families
			}
		}
		t.Fatal("nothing is loaded or stored any more")
		return nil
	})
	if err := program.Stop(); err != nil {
		t.Fatal(err)
	}
	// Ray scrapes its engines and shows their metrics as its own.
	f.republish(asRay)
	evaluate(t, f, model, "CPU")
}

// TestDashboardsOnSharedStorage evaluates the queries with two recorders, whose engines
// have the medium of the llm-d board. One recorder has Ray's names.
func TestDashboardsOnSharedStorage(t *testing.T) {
	catalogue, err := vllm.TieringSpec().With(slices.Concat(vllm.Scheduler(), vllm.ExternalPrefixCache())...)
	if err != nil {
		t.Fatal(err)
	}
	prefixed, err := catalogue.WithPrefix("ray_")
	if err != nil {
		t.Fatal(err)
	}
	var scrapes []func(round int) map[string]*dto.MetricFamily
	for _, exported := range []*schema.Catalogue{catalogue, prefixed} {
		service := load.NewService(t, exported, "shared",
			exporters.WithExporters("prometheus"), exporters.WithServer("127.0.0.1:0"))
		engine, err := service.Recorder.AddEngine(7, "llama", otelkv.WithMedium("SHARED_STORAGE"), otelkv.WithTiers(load.TierType), otelkv.WithPriming())
		if err != nil {
			t.Fatal(err)
		}
		scrapes = append(scrapes, func(round int) map[string]*dto.MetricFamily {
			if err := engine.Observe(t.Context(), load.Payload(t, exported, round)); err != nil {
				t.Fatal(err)
			}
			return exposition.Scrape(t, service.Pipeline.URL())
		})
	}
	round := 0
	f := record(func() map[string]*dto.MetricFamily {
		round++
		families := scrapes[0](round)
		maps.Copy(families, scrapes[1](round))
		return families
	})
	prometheus, at := evaluate(t, f, "llama", "SHARED_STORAGE")
	t.Run("queries of the catalogue", func(t *testing.T) {
		for d := range catalogue.All() {
			vector, err := prometheus.Query(d.Query, at)
			if err != nil {
				t.Fatalf("metric %q: %v", d.PrometheusName, err)
			}
			if err := someNumber(vector); err != nil {
				t.Errorf("metric %q: %s: %v", d.PrometheusName, d.Query, err)
			}
		}
	})
}

// evaluate tests that every query returns the right numbers for the fixture, and returns
// the Prometheus server.
func evaluate(t *testing.T, f fixture, model, medium string) (*servers.Prometheus, time.Time) {
	t.Helper()
	prometheus, at := f.serve(t, podLabels())
	for board, expressions := range queries(t, model) {
		t.Run(board, func(t *testing.T) {
			for _, expression := range expressions {
				expression = strings.ReplaceAll(expression, "SHARED_STORAGE", medium)
				vector, err := prometheus.Query(expression, at)
				if err != nil {
					t.Fatal(err)
				}
				if err := someNumber(vector); err != nil {
					t.Errorf("%s: %v", expression, err)
				}
				if strings.HasPrefix(expression, "avg_over_time(") {
					// Bytes moved between any two snapshots.
					if len(vector) != 1 || vector[0].Value != 1 {
						t.Errorf("%s: got %v, want 1", expression, vector)
					}
					continue
				}
				if err := equal(vector, f.want(expression, podLabels())); err != nil {
					t.Errorf("%s: %v", expression, err)
				}
			}
		})
	}
	t.Run("values", func(t *testing.T) { checkValues(t, f, prometheus, at) })
	t.Run("labels of the pod are free", func(t *testing.T) {
		for label := range podLabels() {
			// Prometheus renames our label of the same name.
			vector, err := prometheus.Query(fmt.Sprintf(`{__name__=~".+",exported_%s!=""}`, label), at)
			if err != nil {
				t.Fatal(err)
			}
			if len(vector) > 0 {
				t.Errorf("label %s is taken: %v", label, vector[0])
			}
		}
	})
	return prometheus, at
}

// checkValues tests that the rates and speeds of the boards agree with the snapshots.
func checkValues(t *testing.T, f fixture, prometheus *servers.Prometheus, at time.Time) {
	t.Helper()
	// A range excludes its start, so five minutes include these snapshots.
	inside := int(5 * time.Minute / spacing)
	first, last := exposition.Flatten(t, f[len(f)-inside]), exposition.Flatten(t, f[len(f)-1])
	span := (time.Duration(inside-1) * spacing).Seconds()
	growth := func(name string) float64 { return last.Sum(name) - first.Sum(name) }
	check := func(expression string, want float64) {
		t.Helper()
		vector, err := prometheus.Query(expression, at)
		if err != nil {
			t.Fatal(err)
		}
		if len(vector) != 1 || want <= 0 || math.Abs(vector[0].Value/want-1) > 0.01 {
			t.Errorf("%s: got %v, want %v", expression, vector, want)
		}
	}
	for _, family := range []string{"load", "store", "total"} {
		bytes := "vllm:kv_offload_" + family + "_bytes_total"
		seconds := "vllm:kv_offload_" + family + "_time_total"
		check(fmt.Sprintf("sum(rate(%s[5m]))", bytes), growth(bytes)/span)
		check(fmt.Sprintf("sum(increase(%s[5m])) / sum(increase(%s[5m]))", bytes, seconds), growth(bytes)/growth(seconds))
		check(fmt.Sprintf("sum(%s) / sum(%s)", bytes, seconds), last.Sum(bytes)/last.Sum(seconds))
	}
}

// equal compares the answer of Prometheus with the expected values.
func equal(got []servers.Sample, want vector) error {
	left := make(map[string]float64)
	for _, w := range want {
		left[w.key()] = w.value
	}
	for _, sample := range got {
		key := element{labels: sample.Labels}.key("__name__", "job", "instance")
		value, ok := left[key]
		if !ok {
			return fmt.Errorf("%s is not expected", key)
		}
		delete(left, key)
		if math.Abs(sample.Value-value) > 1e-6*math.Abs(value) || math.IsNaN(sample.Value) != math.IsNaN(value) {
			return fmt.Errorf("%s is %v, want %v", key, sample.Value, value)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("missing: %v", left)
	}
	return nil
}

// someNumber accepts a vector with an element that is a finite number.
func someNumber(vector []servers.Sample) error {
	for _, sample := range vector {
		if !math.IsNaN(sample.Value) && !math.IsInf(sample.Value, 0) {
			return nil
		}
	}
	return fmt.Errorf("no number in %v", vector)
}
