// SPDX-License-Identifier: Apache-2.0

package vllm

import "github.com/otelkv/otelkv-go/schema"

// Retired returns metrics whose names vLLM dropped, as mirrors of the metrics that
// replaced them. No catalogue of this package has them. If readers still use them, add
// them to [TieringSpec] with [schema.Catalogue.With].
func Retired() []schema.Metric {
	return []schema.Metric{
		TieringBlockQueries,
		TieringBlockHits,
	}
}

// TieringBlockQueries repeats [TieringChunkQueries].
var TieringBlockQueries = schema.Int64Counter{
	Name:           "vllm.kv_offload.tiering.block_queries",
	PrometheusName: "vllm:kv_offload_tiering_block_queries",
	Unit:           "{lookup}",
	Description:    "Chunk lookups that a tier resolved, under the name that vLLM gave them first. Deprecated: use the chunk queries.",
	LabelNames:     byTier(),
	Mirrors:        []schema.Mirror{{Of: TieringChunkQueries.PrometheusName}},
	Stability:      schema.StabilityDeprecated,
	ReplacedBy:     "vllm:kv_offload_tiering_chunk_queries",
	Since:          "before v0.28.0",
	Usage:          "Kept for readers that know only the old name.",
	Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_block_queries_total[5m]))",
	Trap:           "The name says blocks. It counts lookups of chunks.",
}

// TieringBlockHits repeats [TieringChunkHits].
var TieringBlockHits = schema.Int64Counter{
	Name:           "vllm.kv_offload.tiering.block_hits",
	PrometheusName: "vllm:kv_offload_tiering_block_hits",
	Unit:           "{lookup}",
	Description:    "Chunk lookups that a tier resolved to a hit, under the name that vLLM gave them first. Deprecated: use the chunk hits.",
	LabelNames:     byTier(),
	Mirrors:        []schema.Mirror{{Of: TieringChunkHits.PrometheusName}},
	Stability:      schema.StabilityDeprecated,
	ReplacedBy:     "vllm:kv_offload_tiering_chunk_hits",
	Since:          "before v0.28.0",
	Usage:          "Kept for readers that know only the old name.",
	Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_block_hits_total[5m])) / (sum by (tier) (rate(vllm:kv_offload_tiering_block_queries_total[5m])) > 0)",
	Trap:           "The name says blocks. It counts lookups of chunks.",
}
