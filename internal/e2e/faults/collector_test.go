// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestCollectorIsKilled kills a Collector under load. Its successor starts without state,
// and has all totals after one export.
func TestCollectorIsKilled(t *testing.T) {
	handleErrors(t)
	c := servers.StartCollector(t, "docs/collector/collector.yaml")
	load.OverGRPC(t, c.GRPC)
	often(t)
	service := load.NewService(t, vllm.TieringSpec(), "killed", exporters.WithExporters("prometheus,otlp"),
		exporters.WithoutServer())
	url := "http://" + c.Scrape + "/metrics"
	before := record(t, service, func() bool {
		return exposition.Flatten(t, exposition.Scrape(t, url)).Sum("vllm:kv_offload_load_bytes_total") > 0
	})
	c.Kill()
	failedBefore := failedExports(service)
	during := record(t, service, func() bool { return failedExports(service) >= failedBefore+5 })
	c.Start(t)
	after := record(t, service, func() bool { return true })
	flush(t, service)

	want := service.Exposed(t)
	recorded := before.increments + during.increments + after.increments
	if got := want.Sum("vllm:kv_offload_load_bytes_total"); got != float64(recorded) {
		t.Errorf("the service has %v bytes, %d were recorded", got, recorded)
	}
	var got exposition.Samples
	var difference string
	// The Collector shows a batch shortly after it acknowledged it.
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		got = exposition.Flatten(t, exposition.Scrape(t, url), "job", "instance")
		delete(got, "target_info{}")
		if difference = exposition.Difference(want, got); difference == "" {
			break
		}
	}
	t.Logf("killed; lost %v of %d bytes, %d of them recorded in the course of %d failed exports",
		float64(recorded)-got.Sum("vllm:kv_offload_load_bytes_total"), recorded, during.increments, failedExports(service)-failedBefore)
	if difference != "" {
		t.Error(difference)
	}
}
