// SPDX-License-Identifier: Apache-2.0

package vllm

import (
	"slices"

	"github.com/otelkv/otelkv-go/schema"
)

// CPUSpec returns the catalogue of an engine with vLLM's CPUOffloadingSpec: [CPU], [Connector], [ConfigInfo] with the CPU's label names and
// [Deprecated]. The store threshold is [CPU]'s.
func CPUSpec(storeThreshold int) *schema.Catalogue {
	return offloading(CPU(storeThreshold))
}

// TieringSpec returns the catalogue of an engine with vLLM's
// TieringOffloadingSpec: that of [CPUSpec], whose cache is the primary tier, with
// [Tiering] and [BackPressure].
//
// [StoresSkipped] is part of it, so that payloads which carry it are taken.
// vLLM's own TieringOffloadingSpec refuses a store_threshold of 2 and more, and
// never reports it.
func TieringSpec() *schema.Catalogue {
	return offloading(CPU(2), Tiering(), BackPressure())
}

// SimpleCPUSpec returns the catalogue of an engine with vLLM's
// SimpleCPUOffloadConnector: [SimpleCPU] alone.
func SimpleCPUSpec() *schema.Catalogue {
	return schema.MustCatalogue(SimpleCPU()...).WithSchemaURL(SchemaURL)
}

// SimpleCPUPoolSpec returns the catalogue of an engine with the other design of
// the simple CPU offload connector: [SimpleCPUPool], [Connector] and
// [Deprecated].
func SimpleCPUPoolSpec() *schema.Catalogue {
	return schema.MustCatalogue(slices.Concat(SimpleCPUPool(), Connector(), Deprecated())...).WithSchemaURL(SchemaURL)
}

// offloading returns the catalogue of a specification in the order of vLLM's
// OffloadPromMetrics: what the specification declares, then the connector's, then
// the configuration.
func offloading(specification ...[]schema.Metric) *schema.Catalogue {
	return schema.MustCatalogue(slices.Concat(
		slices.Concat(specification...),
		Connector(),
		[]schema.Metric{ConfigInfo(CPUConfigLabelNames()...)},
		Deprecated(),
	)...).WithSchemaURL(SchemaURL)
}
