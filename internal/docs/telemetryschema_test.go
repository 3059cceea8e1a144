// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"path"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	telemetry "go.opentelemetry.io/otel/schema/v1.1"
	"go.opentelemetry.io/otel/schema/v1.1/ast"
	"go.opentelemetry.io/otel/schema/v1.1/types"

	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A library for telemetry schemas can read the file.
func TestTelemetrySchema(t *testing.T) {
	file, err := telemetry.ParseFile(filepath.Join(root, "schema", "vllm", "schema.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if file.FileFormat != "1.1.0" || file.SchemaURL != vllm.SchemaURL {
		t.Errorf("file format %q and schema URL %q, want 1.1.0 and %s", file.FileFormat, file.SchemaURL, vllm.SchemaURL)
	}
	version := types.TelemetryVersion(path.Base(file.SchemaURL))
	if _, ok := file.Versions[version]; !ok {
		t.Errorf("schema URL %q ends in a version that the file does not list", file.SchemaURL)
	}
	renamed := make(map[string]string)
	split := make(map[string]map[any]string)
	for _, version := range file.Versions {
		for _, change := range version.Metrics.Changes {
			for from, to := range change.RenameMetrics {
				renamed[string(from)] = string(to)
			}
			if change.Split != nil {
				split[string(change.Split.ApplyToMetric)] = targets(change.Split)
			}
		}
	}
	if diff := cmp.Diff(map[string]string{
		"vllm.kv_offload.tiering.block_queries": "vllm.kv_offload.tiering.chunk_queries",
		"vllm.kv_offload.tiering.block_hits":    "vllm.kv_offload.tiering.chunk_hits",
	}, renamed); diff != "" {
		t.Errorf("renames (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]map[any]string{
		"vllm.kv_offload.total_bytes": {"CPU_to_GPU": "vllm.kv_offload.load_bytes", "GPU_to_CPU": "vllm.kv_offload.store_bytes"},
		"vllm.kv_offload.total_time":  {"CPU_to_GPU": "vllm.kv_offload.load_time", "GPU_to_CPU": "vllm.kv_offload.store_time"},
		"vllm.kv_offload.size":        {"CPU_to_GPU": "vllm.kv_offload.load_size", "GPU_to_CPU": "vllm.kv_offload.store_size"},
	}, split); diff != "" {
		t.Errorf("splits (-want +got):\n%s", diff)
	}
}

// targets returns the metric of each attribute value of a split.
func targets(split *ast.SplitMetric) map[any]string {
	byValue := make(map[any]string)
	for name, value := range split.MetricsFromAttributes {
		byValue[value] = string(name)
	}
	return byValue
}
