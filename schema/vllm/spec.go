// SPDX-License-Identifier: Apache-2.0

package vllm

import (
	"slices"

	"github.com/otelkv/otelkv-go/schema"
)

// CPUSpec returns the catalogue of an engine with vLLM's CPUOffloadingSpec: [CPU] with the
// store threshold, [Connector], [ConfigInfo] with the label names of that specification,
// and [Deprecated].
func CPUSpec(storeThreshold int) *schema.Catalogue {
	return offloading(CPU(storeThreshold))
}

// TieringSpec returns the catalogue of an engine with vLLM's TieringOffloadingSpec: that
// of [CPUSpec], whose cache is the primary tier, with [Tiering] and [BackPressure].
//
// It contains [StoresSkipped], so payloads may have it. vLLM's TieringOffloadingSpec
// refuses a store_threshold of 2 or more, and never reports it.
func TieringSpec() *schema.Catalogue {
	return offloading(CPU(2), Tiering(), BackPressure())
}

// SimpleCPUSpec returns the catalogue of an engine with vLLM's
// SimpleCPUOffloadConnector: [SimpleCPU] alone.
func SimpleCPUSpec() *schema.Catalogue {
	return schema.MustCatalogue(SimpleCPU()...).WithSchemaURL(SchemaURL)
}

// SimpleCPUPoolSpec returns the catalogue of an engine with the design of the simple CPU
// offload connector that is not merged: [SimpleCPUPool], [Connector] and [Deprecated].
func SimpleCPUPoolSpec() *schema.Catalogue {
	return schema.MustCatalogue(slices.Concat(SimpleCPUPool(), Connector(), Deprecated())...).WithSchemaURL(SchemaURL)
}

// offloading returns the catalogue of a specification in the order of vLLM's
// OffloadPromMetrics: the metrics of the specification, of the connector, and the
// configuration.
func offloading(specification ...[]schema.Metric) *schema.Catalogue {
	return schema.MustCatalogue(slices.Concat(
		slices.Concat(specification...),
		Connector(),
		[]schema.Metric{ConfigInfo(CPUConfigLabelNames()...)},
		Deprecated(),
	)...).WithSchemaURL(SchemaURL)
}
