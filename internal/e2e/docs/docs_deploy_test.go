// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
)

// TestGateway sends a service's metrics, with the attributes that the agents add to a
// resource, to the gateway. It expects the labels by which KServe's boards filter.
func TestGateway(t *testing.T) {
	gateway := servers.StartCollector(t, "deploy/collector/gateway.yaml")
	servers.StartTieredCache(t, servers.BuildTieredCache(t), []string{
		"OTEL_METRIC_EXPORT_INTERVAL=500", "OTEL_METRICS_EXPORTER=otlp",
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + gateway.GRPC,
		"OTEL_RESOURCE_ATTRIBUTES=k8s.namespace.name=ns,k8s.pod.name=pod-0,llm_isvc_name=isvc,llm_isvc_role=both,llm_isvc_component=llminferenceservice-workload",
	}, "-seed=1")
	want := map[string]string{
		"namespace": "ns", "pod": "pod-0", "llm_isvc_name": "isvc", "llm_isvc_role": "both", "llm_isvc_component": "workload",
	}
	const name = "vllm:kv_offload_load_bytes_total"
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		family := exposition.Scrape(t, "http://"+gateway.Scrape+"/metrics")[name]
		if len(family.GetMetric()) == 0 {
			if time.Now().After(deadline) {
				t.Fatalf("no family %s", name)
			}
			continue
		}
		for _, m := range family.GetMetric() {
			got := make(map[string]string)
			for _, pair := range m.GetLabel() {
				got[pair.GetName()] = pair.GetValue()
			}
			for label, value := range want {
				if got[label] != value {
					t.Errorf("label %s is %q, want %q", label, got[label], value)
				}
			}
		}
		return
	}
}

// TestComposePrometheus checks the configuration that compose mounts with promtool.
func TestComposePrometheus(t *testing.T) {
	file := filepath.Join("..", "..", "..", "deploy", "compose", "prometheus.yaml")
	command := exec.CommandContext(t.Context(), servers.Promtool(t), "check", "config", "--syntax-only", file)
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
