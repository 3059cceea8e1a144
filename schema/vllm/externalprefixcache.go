// SPDX-License-Identifier: Apache-2.0

package vllm

import "github.com/otelkv/otelkv-go/schema"

// ExternalPrefixCache returns the two metrics that tell how many tokens of prompts a KV
// connector of any kind provided. No catalogue of this package has them: vLLM counts them
// in its scheduler and registers them in PrometheusStatLogger
// (vllm/v1/metrics/loggers.py), not in a connector.
func ExternalPrefixCache() []schema.Metric {
	return []schema.Metric{
		ExternalPrefixCacheQueries,
		ExternalPrefixCacheHits,
	}
}

// ExternalPrefixCacheQueries counts the tokens that a connector was asked for.
var ExternalPrefixCacheQueries = schema.Int64Counter{
	Name:           "vllm.external_prefix_cache_queries",
	PrometheusName: "vllm:external_prefix_cache_queries",
	Unit:           "{token}",
	Description:    "Tokens of prompts that the KV connector was asked for.",
	StartsAtZero:   true,
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0 or earlier",
	Usage:          "The denominator of the connector's hit rate.",
	Query:          "sum by (model_name, engine) (rate(vllm:external_prefix_cache_queries_total[5m]))",
	Trap:           "It counts tokens, neither requests nor chunks. Tokens that the GPU's own cache had are left out.",
}

// ExternalPrefixCacheHits counts the tokens that a connector had.
var ExternalPrefixCacheHits = schema.Int64Counter{
	Name:           "vllm.external_prefix_cache_hits",
	PrometheusName: "vllm:external_prefix_cache_hits",
	Unit:           "{token}",
	Description:    "Tokens of prompts that the KV connector had.",
	StartsAtZero:   true,
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0 or earlier",
	Usage:          "Divide by the queries for the connector's hit rate.",
	Query:          "sum by (model_name, engine) (rate(vllm:external_prefix_cache_hits_total[5m])) / (sum by (model_name, engine) (rate(vllm:external_prefix_cache_queries_total[5m])) > 0)",
	Trap:           "All tiers of the connector add up. For the rate of one tier divide its chunk hits by its chunk queries.",
}
