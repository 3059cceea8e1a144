// SPDX-License-Identifier: Apache-2.0

package vllm

import "github.com/otelkv/otelkv-go/schema"

// Unmerged returns metrics that exist only in pull requests and branches of vLLM: those of
// its prefetch policies, and two of closed pull requests. No release has them and their
// names may change, so no catalogue of this package has them. A program that follows such
// a branch adds them to [TieringSpec] with [schema.Catalogue.With].
//
// Names of forks whose kind, labels or boundaries are not known are left out.
func Unmerged() []schema.Metric {
	return append(prefetchAdmission(),
		// A plan for prefetching. Its tier label has the value "prefetch" for what does not
		// belong to one tier.
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch.attempted",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_attempted",
			Unit:           "{key}",
			Description:    "Keys that were read ahead of the scan of their request.",
			LabelNames:     byTier(),
			Usage:          "The denominator for the outcomes of the read-ahead.",
			Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_prefetch_attempted_total[5m]))",
			Trap:           "The tier label is prefetch, because no single tier was asked.",
		},
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch.promoted",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_promoted",
			Unit:           "{key}",
			Description:    "Keys whose read-ahead started a promotion.",
			LabelNames:     byTier(),
			Usage:          "How many read-aheads moved data.",
			Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_prefetch_promoted_total[5m]))",
		},
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch.skipped",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_skipped",
			Unit:           "{key}",
			Description:    "Keys whose read-ahead started no promotion, because no tier had them or the primary tier had no room.",
			LabelNames:     byTier(),
			Usage:          "A high share means that much of the read-ahead is useless.",
			Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_prefetch_skipped_total[5m]))",
		},
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch.useful",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_useful",
			Unit:           "{key}",
			Description:    "Keys that were read ahead and then hit by the request.",
			LabelNames:     byTier(),
			Usage:          "Divide by the sum of useful and wasted for the hit rate of the read-ahead.",
			Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_prefetch_useful_total[5m]))",
			Trap:           "A hit by another request than the one that read ahead is not counted.",
		},
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch.wasted",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_wasted",
			Unit:           "{key}",
			Description:    "Keys that were read ahead and then evicted before use, or never asked for.",
			LabelNames:     byTier(),
			Usage:          "Growth means that the read-ahead is too long, or the primary tier too small.",
			Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_prefetch_wasted_total[5m]))",
		},
		// Pull requests 53893 and 42466, both closed.
		schema.Int64Counter{
			Name:           "vllm.kv_offload.cpu.evictions",
			PrometheusName: "vllm:kv_offload_cpu_evictions_total",
			Unit:           "{chunk}",
			Description:    "Chunks evicted from the CPU cache.",
			Usage:          "Growth at a low hit rate means that the cache is too small.",
			Query:          "sum by (model_name, engine) (rate(vllm:kv_offload_cpu_evictions_total[5m]))",
		},
		schema.Float64Gauge{
			Name:           "vllm.kv_offload.cache_usage_perc",
			PrometheusName: "vllm:kv_offload_cache_usage_perc",
			Unit:           "1",
			Description:    "Fraction of the offload cache that is in use, from 0 to 1.",
			Usage:          "Shows how full the offload cache is.",
			Query:          "max by (model_name, engine) (vllm:kv_offload_cache_usage_perc)",
			Trap:           "vLLM merged the usage of the CPU cache instead, which counts pinned chunks only.",
		},
	)
}

// prefetchAdmission returns the metrics of the prefetch admission policy of a branch,
// class AdmissionPrefetchMetrics.
func prefetchAdmission() []schema.Metric {
	return []schema.Metric{
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch_admission.considered",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_admission_considered",
			Unit:           "{key}",
			Description:    "Keys that the prefetch admission policy considered.",
			LabelNames:     byTier(),
			Usage:          "The denominator for the outcomes of the policy.",
			Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_prefetch_admission_considered_total[5m]))",
			Trap:           "It equals the sum of the eight outcomes.",
		},
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch_admission.primary_redundant",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_admission_primary_redundant",
			Unit:           "{key}",
			Description:    "Keys that the policy left alone because the primary tier had them or was loading them.",
			LabelNames:     byTier(),
			Usage:          "A high share means that the policy looks at data that is there already.",
			Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_prefetch_admission_primary_redundant_total[5m]))",
		},
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch_admission.secondary_absent",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_admission_secondary_absent",
			Unit:           "{key}",
			Description:    "Keys that the policy left alone because the secondary tier did not have them.",
			LabelNames:     byTier(),
			Usage:          "A high share means that there is little to prefetch.",
			Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_prefetch_admission_secondary_absent_total[5m]))",
		},
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch_admission.gate_reject",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_admission_gate_reject",
			Unit:           "{key}",
			Description:    "Keys that the policy's deadline or utility rule refused.",
			LabelNames:     byTier(),
			Usage:          "Shows how strict the rule is.",
			Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_prefetch_admission_gate_reject_total[5m]))",
		},
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch_admission.capacity_skip",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_admission_capacity_skip",
			Unit:           "{key}",
			Description:    "Keys that were not prefetched for lack of room or budget.",
			LabelNames:     byTier(),
			Usage:          "Growth means that the primary tier is too small to prefetch into.",
			Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_prefetch_admission_capacity_skip_total[5m]))",
			Trap:           "A later version of the branch splits it by cause.",
		},
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch_admission.submitted",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_admission_submitted",
			Unit:           "{key}",
			Description:    "Keys that were submitted for promotion ahead of their request.",
			LabelNames:     byTier(),
			Usage:          "The promotions that the policy caused.",
			Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_prefetch_admission_submitted_total[5m]))",
		},
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch_admission.shadow_submit",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_admission_shadow_submit",
			Unit:           "{key}",
			Description:    "Keys that would have been submitted, had the policy not run in shadow mode.",
			LabelNames:     byTier(),
			Usage:          "Tells what the policy would do before it is switched on.",
			Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_prefetch_admission_shadow_submit_total[5m]))",
		},
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch_admission.lookup_unresolved",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_admission_lookup_unresolved",
			Unit:           "{key}",
			Description:    "Keys whose lookup had not resolved when their bundle ended.",
			LabelNames:     byTier(),
			Usage:          "Growth means that lookups in the tier are too slow for the policy.",
			Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_prefetch_admission_lookup_unresolved_total[5m]))",
		},
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch_admission.cancelled",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_admission_cancelled",
			Unit:           "{key}",
			Description:    "Keys that were cancelled because their request ended or was preempted, or because the cache was reset.",
			LabelNames:     byTier(),
			Usage:          "Shows how much of the policy's work is useless.",
			Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_prefetch_admission_cancelled_total[5m]))",
		},
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch_admission.bundle_outcomes",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_admission_bundle_outcomes",
			Unit:           "{bundle}",
			Description:    "Bundles of keys that ended, by outcome.",
			LabelNames:     []string{schema.LabelTier, "outcome"},
			Usage:          "Shows how bundles end.",
			Query:          "sum by (tier, outcome) (rate(vllm:kv_offload_tiering_prefetch_admission_bundle_outcomes_total[5m]))",
			Trap:           "It counts bundles, not keys.",
		},
		schema.Int64Counter{
			Name:           "vllm.kv_offload.tiering.prefetch_admission.transitions",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_admission_transitions",
			Unit:           "{transition}",
			Description:    "Changes of the state of bundles, by transition.",
			LabelNames:     []string{"transition"},
			Usage:          "Shows where bundles get stuck.",
			Query:          "sum by (transition) (rate(vllm:kv_offload_tiering_prefetch_admission_transitions_total[5m]))",
			Trap:           "Unlike the other metrics of the policy it has no tier label.",
		},
		schema.Histogram{
			Name:           "vllm.kv_offload.tiering.prefetch_admission.lead_time_seconds",
			PrometheusName: "vllm:kv_offload_tiering_prefetch_admission_lead_time_seconds",
			Unit:           "s",
			Description:    "Time that the policy predicted, at admission, until the keys are needed.",
			Boundaries:     []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
			Usage:          "Compare with the time that promotions take.",
			Query:          "histogram_quantile(0.5, sum by (le, model_name) (rate(vllm:kv_offload_tiering_prefetch_admission_lead_time_seconds_bucket[5m])))",
			Trap:           "It is a prediction, not a measurement.",
		},
	}
}
