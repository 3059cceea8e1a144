// SPDX-License-Identifier: Apache-2.0

package vllm

import "github.com/otelkv/otelkv-go/schema"

// Tiering returns the metrics that vLLM's TieringOffloadingSpec declares
// (vllm/v1/kv_offload/tiering/spec.py) in addition to those of its primary tier, which
// [CPU] returns. Their names are in class TieringOffloadingMetrics
// (vllm/v1/kv_offload/tiering/base.py), and TieringMetricsTracker
// (vllm/v1/kv_offload/tiering/metrics.py) fills them.
func Tiering() []schema.Metric {
	return []schema.Metric{
		TieringLookupSyncDelay,
		TieringLookupAsyncDelay,
		TieringReadBytes,
		TieringReadTime,
		TieringWriteBytes,
		TieringWriteTime,
		TieringPromotionJobFailures,
		TieringCascadeJobFailures,
		TieringChunkQueries,
		TieringChunkHits,
		TieringPromotionAllocationFailures,
		TieringPrimaryWriteUsage,
		TieringPrimaryReadUsage,
		TieringActivePromotionJobs,
		TieringActiveCascadeJobs,
	}
}

// byTier returns the label names of a metric with a series for each tier.
func byTier() []string { return []string{schema.LabelTier} }

// TieringLookupSyncDelay distributes the seconds of lookups that resolved.
var TieringLookupSyncDelay = schema.Histogram{
	Name:           "vllm.kv_offload.tiering.lookup_sync_delay_seconds",
	PrometheusName: "vllm:kv_offload_tiering_lookup_sync_delay_seconds",
	Unit:           "s",
	Description:    "Time that one lookup of a chunk in a tier blocked the scheduler, for the call that resolved to a hit or a miss.",
	LabelNames:     byTier(),
	PrimaryTier:    true,
	Boundaries:     syncDelayBoundaries(),
	Since:          "v0.26.0",
	Usage:          "Shows which tier makes lookups slow.",
	Query:          "histogram_quantile(0.9, sum by (le, tier) (rate(vllm:kv_offload_tiering_lookup_sync_delay_seconds_bucket[5m])))",
	Trap:           "One sample for each request, tier and chunk. Calls that came back unresolved add nothing.",
}

// TieringLookupAsyncDelay distributes the seconds from a first retry to the
// resolution.
var TieringLookupAsyncDelay = schema.Histogram{
	Name:           "vllm.kv_offload.tiering.lookup_async_delay_seconds",
	PrometheusName: "vllm:kv_offload_tiering_lookup_async_delay_seconds",
	Unit:           "s",
	Description:    "Time from the first unresolved lookup of a chunk in a tier until it resolved. Lookups that resolve at once leave no sample.",
	LabelNames:     byTier(),
	PrimaryTier:    true,
	Boundaries:     asyncDelayBoundaries(),
	Since:          "v0.26.0",
	Usage:          "The rate of the sum is the mean number of lookups that wait for the tier.",
	Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_lookup_async_delay_seconds_sum[5m]))",
	Trap:           "Survivorship bias: lookups that resolve at once, and requests that end while they wait, leave no sample. The promotion itself is not part of the time.",
}

// TieringReadBytes counts the bytes that promotions read.
var TieringReadBytes = schema.Int64Counter{
	Name:           "vllm.kv_offload.tiering.read_bytes",
	PrometheusName: "vllm:kv_offload_tiering_read_bytes",
	Unit:           "By",
	Description:    "Bytes read from a secondary tier into the primary one by promotions.",
	LabelNames:     byTier(),
	Since:          "v0.28.0",
	Usage:          "The rate is the read bandwidth that promotions draw from the tier.",
	Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_read_bytes_total[5m]))",
	Trap:           "vLLM derives it from the number of chunks and their size, not from the bytes moved.",
}

// TieringReadTime sums the seconds that promotions took.
var TieringReadTime = schema.Float64Counter{
	Name:           "vllm.kv_offload.tiering.read_time",
	PrometheusName: "vllm:kv_offload_tiering_read_time",
	Unit:           "s",
	Description:    "Seconds that promotion jobs spent reading from a secondary tier. Jobs that run at the same time add up.",
	LabelNames:     byTier(),
	Since:          "v0.28.0",
	Usage:          "Read bytes divided by read time is the mean speed of one promotion.",
	Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_read_bytes_total[5m])) / (sum by (tier) (rate(vllm:kv_offload_tiering_read_time_total[5m])) > 0)",
	Trap:           "It is job time, not wall time, and grows faster than the clock while jobs overlap.",
}

// TieringWriteBytes counts the bytes that cascades wrote.
var TieringWriteBytes = schema.Int64Counter{
	Name:           "vllm.kv_offload.tiering.write_bytes",
	PrometheusName: "vllm:kv_offload_tiering_write_bytes",
	Unit:           "By",
	Description:    "Bytes written from the primary tier to a secondary one by cascades.",
	LabelNames:     byTier(),
	Since:          "v0.28.0",
	Usage:          "The rate is the write bandwidth that cascades draw from the tier.",
	Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_write_bytes_total[5m]))",
	Trap:           "vLLM derives it from the number of chunks and their size. A tier that had a chunk already and wrote nothing still counts it.",
}

// TieringWriteTime sums the seconds that cascades took.
var TieringWriteTime = schema.Float64Counter{
	Name:           "vllm.kv_offload.tiering.write_time",
	PrometheusName: "vllm:kv_offload_tiering_write_time",
	Unit:           "s",
	Description:    "Seconds that cascade jobs spent writing to a secondary tier. Jobs that run at the same time add up.",
	LabelNames:     byTier(),
	Since:          "v0.28.0",
	Usage:          "Write bytes divided by write time is the mean speed of one cascade.",
	Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_write_bytes_total[5m])) / (sum by (tier) (rate(vllm:kv_offload_tiering_write_time_total[5m])) > 0)",
	Trap:           "It is job time, not wall time, and grows faster than the clock while jobs overlap.",
}

// TieringPromotionJobFailures counts promotions that failed.
var TieringPromotionJobFailures = schema.Int64Counter{
	Name:           "vllm.kv_offload.tiering.promotion_job_failures",
	PrometheusName: "vllm:kv_offload_tiering_promotion_job_failures",
	Unit:           "{job}",
	Description:    "Promotion jobs from a secondary tier that failed, wholly or in part.",
	LabelNames:     byTier(),
	Since:          "v0.28.0",
	Usage:          "Growth means that the tier loses data or cannot be read. The prefix is computed again.",
	Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_promotion_job_failures_total[5m]))",
	Trap:           "A job that failed in part counts as a failure, and the chunks that it moved count as read.",
}

// TieringCascadeJobFailures counts cascades that failed.
var TieringCascadeJobFailures = schema.Int64Counter{
	Name:           "vllm.kv_offload.tiering.cascade_job_failures",
	PrometheusName: "vllm:kv_offload_tiering_cascade_job_failures",
	Unit:           "{job}",
	Description:    "Cascade jobs to a secondary tier that failed. Nothing that they wrote counts as written.",
	LabelNames:     byTier(),
	Since:          "v0.28.0",
	Usage:          "Growth means that the tier is full or cannot be written.",
	Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_cascade_job_failures_total[5m]))",
}

// TieringChunkQueries counts lookups that resolved.
var TieringChunkQueries = schema.Int64Counter{
	Name:           "vllm.kv_offload.tiering.chunk_queries",
	PrometheusName: "vllm:kv_offload_tiering_chunk_queries",
	Unit:           "{lookup}",
	Description:    "Chunk lookups that a tier resolved to a hit or a miss, once for each request and chunk. The primary tier counts too.",
	LabelNames:     byTier(),
	PrimaryTier:    true,
	Since:          "v0.28.0",
	Usage:          "The denominator of a tier's hit rate.",
	Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_chunk_queries_total[5m]))",
	Trap:           "Tiers behind the first hit are not asked, so a lower tier's queries are those that every tier above it missed.",
}

// TieringChunkHits counts lookups that resolved to a hit.
var TieringChunkHits = schema.Int64Counter{
	Name:           "vllm.kv_offload.tiering.chunk_hits",
	PrometheusName: "vllm:kv_offload_tiering_chunk_hits",
	Unit:           "{lookup}",
	Description:    "Chunk lookups that a tier resolved to a hit, once for each request and chunk.",
	LabelNames:     byTier(),
	PrimaryTier:    true,
	Since:          "v0.28.0",
	Usage:          "Divide by the chunk queries of the same tier for its hit rate.",
	Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_chunk_hits_total[5m])) / (sum by (tier) (rate(vllm:kv_offload_tiering_chunk_queries_total[5m])) > 0)",
	Trap:           "Hits divided by queries is the hit rate of this tier alone. A chunk that was promoted stays a miss of the primary tier for the request that promoted it.",
}

// TieringPromotionAllocationFailures counts promotions that found no free space.
var TieringPromotionAllocationFailures = schema.Int64Counter{
	Name:           "vllm.kv_offload.tiering.promotion_allocation_failures",
	PrometheusName: "vllm:kv_offload_tiering_promotion_allocation_failures",
	Unit:           "{attempt}",
	Description:    "Promotions refused because the primary tier had no room for them.",
	Since:          "v0.28.0",
	Usage:          "Growth means that hits in lower tiers are lost to a primary tier that is too small or pinned.",
	Query:          "sum by (model_name, engine) (rate(vllm:kv_offload_tiering_promotion_allocation_failures_total[5m]))",
	Trap:           "Unlike the other tiering metrics it has no tier label: the tier that was full is the primary one.",
}

// TieringPrimaryWriteUsage is the fraction of the primary tier that promotions
// write.
var TieringPrimaryWriteUsage = schema.Float64Gauge{
	Name:           "vllm.kv_offload.tiering.primary_write_usage_perc",
	PrometheusName: "vllm:kv_offload_tiering_primary_write_usage_perc",
	Unit:           "1",
	Description:    "Fraction of the primary tier's chunks that promotions from this secondary tier are writing, from 0 to 1.",
	LabelNames:     byTier(),
	Since:          "v0.28.0",
	Usage:          "Shows which tier's promotions hold the primary tier.",
	Query:          "max by (model_name, engine, tier) (vllm:kv_offload_tiering_primary_write_usage_perc)",
	Trap:           "The label is the secondary tier, and the fraction is of the primary one. It does not tell how full either is.",
}

// TieringPrimaryReadUsage is the fraction of the primary tier that cascades
// read.
var TieringPrimaryReadUsage = schema.Float64Gauge{
	Name:           "vllm.kv_offload.tiering.primary_read_usage_perc",
	PrometheusName: "vllm:kv_offload_tiering_primary_read_usage_perc",
	Unit:           "1",
	Description:    "Fraction of the primary tier's chunks that cascades to this secondary tier are reading, from 0 to 1.",
	LabelNames:     byTier(),
	Since:          "v0.28.0",
	Usage:          "Shows which tier's cascades hold the primary tier. A slow tier keeps chunks from being evicted.",
	Query:          "max by (model_name, engine, tier) (vllm:kv_offload_tiering_primary_read_usage_perc)",
	Trap:           "The label is the secondary tier, and the fraction is of the primary one. It does not tell how full either is.",
}

// TieringActivePromotionJobs is the number of promotions in flight.
var TieringActivePromotionJobs = schema.Int64Gauge{
	Name:           "vllm.kv_offload.tiering.active_promotion_jobs",
	PrometheusName: "vllm:kv_offload_tiering_active_promotion_jobs",
	Unit:           "{job}",
	Description:    "Promotion jobs from a secondary tier that are in flight.",
	LabelNames:     byTier(),
	Additive:       true,
	Since:          "v0.28.0",
	Usage:          "A level that never returns to 0 on an idle engine means a stuck job.",
	Query:          "max by (model_name, engine, tier) (vllm:kv_offload_tiering_active_promotion_jobs)",
	Trap:           "Jobs shorter than a scrape interval are mostly not seen.",
}

// TieringActiveCascadeJobs is the number of cascades in flight.
var TieringActiveCascadeJobs = schema.Int64Gauge{
	Name:           "vllm.kv_offload.tiering.active_cascade_jobs",
	PrometheusName: "vllm:kv_offload_tiering_active_cascade_jobs",
	Unit:           "{job}",
	Description:    "Cascade jobs to a secondary tier that are in flight.",
	LabelNames:     byTier(),
	Additive:       true,
	Since:          "v0.28.0",
	Usage:          "Growth means that the tier takes writes more slowly than they come.",
	Query:          "max by (model_name, engine, tier) (vllm:kv_offload_tiering_active_cascade_jobs)",
	Trap:           "Jobs shorter than a scrape interval are mostly not seen.",
}
