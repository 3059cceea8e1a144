// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/internal/e2e/servers"
)

// TestPanelsOfAnIdleEngine tests that for an engine with all series and no traffic, no
// panel divides by zero or shows a ratio or a quantile.
func TestPanelsOfAnIdleEngine(t *testing.T) {
	simulator := servers.StartSimulator(t, "-interval=1h")
	prometheus := servers.StartPrometheus(t, configuration(t, host(t, simulator.ScrapeURL())))
	prometheus.Await(t, `count_over_time(vllm:kv_offload_load_bytes_total[10s]) > 3`, servers.Some)
	now := time.Now()
	for _, target := range targets(t, "otelkv") {
		vector, err := prometheus.Query(target.expr, now)
		if err != nil {
			t.Fatal(err)
		}
		checkIdle(t, target, vector)
	}
}

// checkIdle tests that a query returns no ratio and no quantile.
func checkIdle(t *testing.T, query target, vector []servers.Sample) {
	t.Helper()
	for _, sample := range vector {
		if math.IsNaN(sample.Value) || math.IsInf(sample.Value, 0) {
			t.Errorf("%s: %s: %v", query.panel, query.expr, sample)
		}
	}
	divides := strings.Contains(query.expr, " / ") || strings.Contains(query.expr, "histogram_quantile")
	if divides && len(vector) > 0 {
		t.Errorf("%s: %s: %v of nothing", query.panel, query.expr, vector)
	}
}
