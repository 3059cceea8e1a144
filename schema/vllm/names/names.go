// SPDX-License-Identifier: Apache-2.0

// Code generated from the catalogue by go generate; DO NOT EDIT.

// Package names has the names of vLLM's offload metrics as constants, for programs that
// only read the metrics, such as routers, autoscalers and queries.
//
// Each constant is the Go name of a definition in package vllm with a suffix.
// Instrument is the OpenTelemetry instrument name. Family is the Prometheus family
// name, which is also the key in payloads. Sample is the name of a counter's or
// gauge's samples on scrapes and in queries. A histogram has Bucket, Count and Sum
// instead.
package names

// LoadBytes: Bytes loaded from offload storage to the GPU by finished transfers, summed over workers.
const (
	LoadBytesInstrument = "vllm.kv_offload.load_bytes"
	LoadBytesFamily     = "vllm:kv_offload_load_bytes"
	LoadBytesSample     = "vllm:kv_offload_load_bytes_total"
)

// LoadTime: Worker-seconds spent loading from offload storage to the GPU. Workers add up, so it can grow faster than the clock.
const (
	LoadTimeInstrument = "vllm.kv_offload.load_time"
	LoadTimeFamily     = "vllm:kv_offload_load_time"
	LoadTimeSample     = "vllm:kv_offload_load_time_total"
)

// LoadSize: Size of one load from offload storage to the GPU, one sample for each finished transfer on each worker.
const (
	LoadSizeInstrument = "vllm.kv_offload.load_size"
	LoadSizeFamily     = "vllm:kv_offload_load_size"
	LoadSizeBucket     = "vllm:kv_offload_load_size_bucket"
	LoadSizeCount      = "vllm:kv_offload_load_size_count"
	LoadSizeSum        = "vllm:kv_offload_load_size_sum"
)

// StoreBytes: Bytes stored from the GPU to offload storage by finished transfers, summed over workers.
const (
	StoreBytesInstrument = "vllm.kv_offload.store_bytes"
	StoreBytesFamily     = "vllm:kv_offload_store_bytes"
	StoreBytesSample     = "vllm:kv_offload_store_bytes_total"
)

// StoreTime: Worker-seconds spent storing from the GPU to offload storage. Workers add up, so it can grow faster than the clock.
const (
	StoreTimeInstrument = "vllm.kv_offload.store_time"
	StoreTimeFamily     = "vllm:kv_offload_store_time"
	StoreTimeSample     = "vllm:kv_offload_store_time_total"
)

// StoreSize: Size of one store from the GPU to offload storage, one sample for each finished transfer on each worker.
const (
	StoreSizeInstrument = "vllm.kv_offload.store_size"
	StoreSizeFamily     = "vllm:kv_offload_store_size"
	StoreSizeBucket     = "vllm:kv_offload_store_size_bucket"
	StoreSizeCount      = "vllm:kv_offload_store_size_count"
	StoreSizeSum        = "vllm:kv_offload_store_size_sum"
)

// LookupSyncDelay: Time that the scheduler was blocked in one offload lookup call.
const (
	LookupSyncDelayInstrument = "vllm.kv_offload.lookup_sync_delay_seconds"
	LookupSyncDelayFamily     = "vllm:kv_offload_lookup_sync_delay_seconds"
	LookupSyncDelayBucket     = "vllm:kv_offload_lookup_sync_delay_seconds_bucket"
	LookupSyncDelayCount      = "vllm:kv_offload_lookup_sync_delay_seconds_count"
	LookupSyncDelaySum        = "vllm:kv_offload_lookup_sync_delay_seconds_sum"
)

// LookupAsyncDelay: Time from the first deferred lookup of a request to the lookup that resolves it, or to the end of the request. Only requests that were deferred count.
const (
	LookupAsyncDelayInstrument = "vllm.kv_offload.lookup_async_delay_seconds"
	LookupAsyncDelayFamily     = "vllm:kv_offload_lookup_async_delay_seconds"
	LookupAsyncDelayBucket     = "vllm:kv_offload_lookup_async_delay_seconds_bucket"
	LookupAsyncDelayCount      = "vllm:kv_offload_lookup_async_delay_seconds_count"
	LookupAsyncDelaySum        = "vllm:kv_offload_lookup_async_delay_seconds_sum"
)

// AllocationFailure: Attempts to allocate room for a store that failed. The data stays on the GPU and is not offloaded.
const (
	AllocationFailureInstrument = "vllm.kv_offload.allocation_failure"
	AllocationFailureFamily     = "vllm:kv_offload_allocation_failure"
	AllocationFailureSample     = "vllm:kv_offload_allocation_failure_total"
)

// CPUCacheUsage: Fraction of the CPU cache's chunks that active transfers pin, from 0 when idle to 1 when saturated. It does not tell how full the cache is.
const (
	CPUCacheUsageInstrument = "vllm.kv_offload.cpu.cache_usage_perc"
	CPUCacheUsageFamily     = "vllm:kv_offload_cpu_cache_usage_perc"
	CPUCacheUsageSample     = "vllm:kv_offload_cpu_cache_usage_perc"
)

// CPUCacheWriteUsage: Fraction of the CPU cache's chunks that are being written by stores not yet complete, from 0 to 1.
const (
	CPUCacheWriteUsageInstrument = "vllm.kv_offload.cpu.cache_write_usage_perc"
	CPUCacheWriteUsageFamily     = "vllm:kv_offload_cpu_cache_write_usage_perc"
	CPUCacheWriteUsageSample     = "vllm:kv_offload_cpu_cache_write_usage_perc"
)

// CPUCacheReadUsage: Fraction of the CPU cache's chunks that active transfers pin other than by writing, from 0 to 1: the usage less the write usage.
const (
	CPUCacheReadUsageInstrument = "vllm.kv_offload.cpu.cache_read_usage_perc"
	CPUCacheReadUsageFamily     = "vllm:kv_offload_cpu_cache_read_usage_perc"
	CPUCacheReadUsageSample     = "vllm:kv_offload_cpu_cache_read_usage_perc"
)

// CPUAllocationSize: CPU chunks that one store asked for, without those that were there already. Attempts that failed count too.
const (
	CPUAllocationSizeInstrument = "vllm.kv_offload.cpu.allocation_size"
	CPUAllocationSizeFamily     = "vllm:kv_offload_cpu_allocation_size"
	CPUAllocationSizeBucket     = "vllm:kv_offload_cpu_allocation_size_bucket"
	CPUAllocationSizeCount      = "vllm:kv_offload_cpu_allocation_size_count"
	CPUAllocationSizeSum        = "vllm:kv_offload_cpu_allocation_size_sum"
)

// StoresSkipped: Keys not stored because they had not yet been used as often as the store threshold asks.
const (
	StoresSkippedInstrument = "vllm.kv_offload.stores_skipped"
	StoresSkippedFamily     = "vllm:kv_offload_stores_skipped"
	StoresSkippedSample     = "vllm:kv_offload_stores_skipped_total"
)

// TieringLookupSyncDelay: Time that one lookup of a chunk in a tier blocked the scheduler, for the call that resolved to a hit or a miss.
const (
	TieringLookupSyncDelayInstrument = "vllm.kv_offload.tiering.lookup_sync_delay_seconds"
	TieringLookupSyncDelayFamily     = "vllm:kv_offload_tiering_lookup_sync_delay_seconds"
	TieringLookupSyncDelayBucket     = "vllm:kv_offload_tiering_lookup_sync_delay_seconds_bucket"
	TieringLookupSyncDelayCount      = "vllm:kv_offload_tiering_lookup_sync_delay_seconds_count"
	TieringLookupSyncDelaySum        = "vllm:kv_offload_tiering_lookup_sync_delay_seconds_sum"
)

// TieringLookupAsyncDelay: Time from the first unresolved lookup of a chunk in a tier until it resolved. Lookups that resolve at once leave no sample.
const (
	TieringLookupAsyncDelayInstrument = "vllm.kv_offload.tiering.lookup_async_delay_seconds"
	TieringLookupAsyncDelayFamily     = "vllm:kv_offload_tiering_lookup_async_delay_seconds"
	TieringLookupAsyncDelayBucket     = "vllm:kv_offload_tiering_lookup_async_delay_seconds_bucket"
	TieringLookupAsyncDelayCount      = "vllm:kv_offload_tiering_lookup_async_delay_seconds_count"
	TieringLookupAsyncDelaySum        = "vllm:kv_offload_tiering_lookup_async_delay_seconds_sum"
)

// TieringReadBytes: Bytes read from a secondary tier into the primary one by promotions.
const (
	TieringReadBytesInstrument = "vllm.kv_offload.tiering.read_bytes"
	TieringReadBytesFamily     = "vllm:kv_offload_tiering_read_bytes"
	TieringReadBytesSample     = "vllm:kv_offload_tiering_read_bytes_total"
)

// TieringReadTime: Seconds that promotion jobs spent reading from a secondary tier. Jobs that run at the same time add up.
const (
	TieringReadTimeInstrument = "vllm.kv_offload.tiering.read_time"
	TieringReadTimeFamily     = "vllm:kv_offload_tiering_read_time"
	TieringReadTimeSample     = "vllm:kv_offload_tiering_read_time_total"
)

// TieringWriteBytes: Bytes written from the primary tier to a secondary one by cascades.
const (
	TieringWriteBytesInstrument = "vllm.kv_offload.tiering.write_bytes"
	TieringWriteBytesFamily     = "vllm:kv_offload_tiering_write_bytes"
	TieringWriteBytesSample     = "vllm:kv_offload_tiering_write_bytes_total"
)

// TieringWriteTime: Seconds that cascade jobs spent writing to a secondary tier. Jobs that run at the same time add up.
const (
	TieringWriteTimeInstrument = "vllm.kv_offload.tiering.write_time"
	TieringWriteTimeFamily     = "vllm:kv_offload_tiering_write_time"
	TieringWriteTimeSample     = "vllm:kv_offload_tiering_write_time_total"
)

// TieringPromotionJobFailures: Promotion jobs from a secondary tier that failed, wholly or in part.
const (
	TieringPromotionJobFailuresInstrument = "vllm.kv_offload.tiering.promotion_job_failures"
	TieringPromotionJobFailuresFamily     = "vllm:kv_offload_tiering_promotion_job_failures"
	TieringPromotionJobFailuresSample     = "vllm:kv_offload_tiering_promotion_job_failures_total"
)

// TieringCascadeJobFailures: Cascade jobs to a secondary tier that failed. Nothing that they wrote counts as written.
const (
	TieringCascadeJobFailuresInstrument = "vllm.kv_offload.tiering.cascade_job_failures"
	TieringCascadeJobFailuresFamily     = "vllm:kv_offload_tiering_cascade_job_failures"
	TieringCascadeJobFailuresSample     = "vllm:kv_offload_tiering_cascade_job_failures_total"
)

// TieringChunkQueries: Chunk lookups that a tier resolved to a hit or a miss, once for each request and chunk. The primary tier counts too.
const (
	TieringChunkQueriesInstrument = "vllm.kv_offload.tiering.chunk_queries"
	TieringChunkQueriesFamily     = "vllm:kv_offload_tiering_chunk_queries"
	TieringChunkQueriesSample     = "vllm:kv_offload_tiering_chunk_queries_total"
)

// TieringChunkHits: Chunk lookups that a tier resolved to a hit, once for each request and chunk.
const (
	TieringChunkHitsInstrument = "vllm.kv_offload.tiering.chunk_hits"
	TieringChunkHitsFamily     = "vllm:kv_offload_tiering_chunk_hits"
	TieringChunkHitsSample     = "vllm:kv_offload_tiering_chunk_hits_total"
)

// TieringPromotionAllocationFailures: Promotions refused because the primary tier had no room for them.
const (
	TieringPromotionAllocationFailuresInstrument = "vllm.kv_offload.tiering.promotion_allocation_failures"
	TieringPromotionAllocationFailuresFamily     = "vllm:kv_offload_tiering_promotion_allocation_failures"
	TieringPromotionAllocationFailuresSample     = "vllm:kv_offload_tiering_promotion_allocation_failures_total"
)

// TieringPrimaryWriteUsage: Fraction of the primary tier's chunks that promotions from this secondary tier are writing, from 0 to 1.
const (
	TieringPrimaryWriteUsageInstrument = "vllm.kv_offload.tiering.primary_write_usage_perc"
	TieringPrimaryWriteUsageFamily     = "vllm:kv_offload_tiering_primary_write_usage_perc"
	TieringPrimaryWriteUsageSample     = "vllm:kv_offload_tiering_primary_write_usage_perc"
)

// TieringPrimaryReadUsage: Fraction of the primary tier's chunks that cascades to this secondary tier are reading, from 0 to 1.
const (
	TieringPrimaryReadUsageInstrument = "vllm.kv_offload.tiering.primary_read_usage_perc"
	TieringPrimaryReadUsageFamily     = "vllm:kv_offload_tiering_primary_read_usage_perc"
	TieringPrimaryReadUsageSample     = "vllm:kv_offload_tiering_primary_read_usage_perc"
)

// TieringActivePromotionJobs: Promotion jobs from a secondary tier that are in flight.
const (
	TieringActivePromotionJobsInstrument = "vllm.kv_offload.tiering.active_promotion_jobs"
	TieringActivePromotionJobsFamily     = "vllm:kv_offload_tiering_active_promotion_jobs"
	TieringActivePromotionJobsSample     = "vllm:kv_offload_tiering_active_promotion_jobs"
)

// TieringActiveCascadeJobs: Cascade jobs to a secondary tier that are in flight.
const (
	TieringActiveCascadeJobsInstrument = "vllm.kv_offload.tiering.active_cascade_jobs"
	TieringActiveCascadeJobsFamily     = "vllm:kv_offload_tiering_active_cascade_jobs"
	TieringActiveCascadeJobsSample     = "vllm:kv_offload_tiering_active_cascade_jobs"
)

// BackPressureStoreLatencyEMA: Exponential moving average of a tier's store latency, in seconds for each MiB, over cascades that succeeded.
const (
	BackPressureStoreLatencyEMAInstrument = "vllm.kv_offload.tiering.backpressure.store_latency_ema"
	BackPressureStoreLatencyEMAFamily     = "vllm:kv_offload_tiering_backpressure_store_latency_ema"
	BackPressureStoreLatencyEMASample     = "vllm:kv_offload_tiering_backpressure_store_latency_ema"
)

// BackPressureStoresDropped: Stores to a secondary tier that were dropped because the tier was slow.
const (
	BackPressureStoresDroppedInstrument = "vllm.kv_offload.tiering.backpressure.stores_dropped"
	BackPressureStoresDroppedFamily     = "vllm:kv_offload_tiering_backpressure_stores_dropped"
	BackPressureStoresDroppedSample     = "vllm:kv_offload_tiering_backpressure_stores_dropped_total"
)

// BackPressureBlocksDropped: Chunks of the stores to a secondary tier that were dropped because the tier was slow.
const (
	BackPressureBlocksDroppedInstrument = "vllm.kv_offload.tiering.backpressure.blocks_dropped"
	BackPressureBlocksDroppedFamily     = "vllm:kv_offload_tiering_backpressure_blocks_dropped"
	BackPressureBlocksDroppedSample     = "vllm:kv_offload_tiering_backpressure_blocks_dropped_total"
)

// ConfigInfo: Always 1. The labels tell the static offload configuration of this engine, not of the whole instance. It is absent until the engine's first step.
const (
	ConfigInfoInstrument = "vllm.kv_offload.config_info"
	ConfigInfoFamily     = "vllm:kv_offload_config_info"
	ConfigInfoSample     = "vllm:kv_offload_config_info"
)

// SimpleSaveOutcomes: Decisions about whether to store, by outcome. Only the eager mode takes them; stores of the lazy mode are not counted.
const (
	SimpleSaveOutcomesInstrument = "vllm.simple_kv_offload.save_outcomes"
	SimpleSaveOutcomesFamily     = "vllm:simple_kv_offload_save_outcomes_total"
	SimpleSaveOutcomesSample     = "vllm:simple_kv_offload_save_outcomes_total"
)

// SimpleLoadBlocks: KV blocks whose load to the GPU finished, those of requests that were abandoned meanwhile among them.
const (
	SimpleLoadBlocksInstrument = "vllm.simple_kv_offload.load_blocks"
	SimpleLoadBlocksFamily     = "vllm:simple_kv_offload_load_blocks_total"
	SimpleLoadBlocksSample     = "vllm:simple_kv_offload_load_blocks_total"
)

// SimpleUsedBlocks: Blocks of the pool that are in use. Cached blocks that may be evicted count as free.
const (
	SimpleUsedBlocksInstrument = "vllm.simple_kv_offload.used_blocks"
	SimpleUsedBlocksFamily     = "vllm:simple_kv_offload_used_blocks"
	SimpleUsedBlocksSample     = "vllm:simple_kv_offload_used_blocks"
)

// SimplePendingStoreBlocks: Blocks in stores that are queued, issued, or abandoned and not yet finished.
const (
	SimplePendingStoreBlocksInstrument = "vllm.simple_kv_offload.pending_store_blocks"
	SimplePendingStoreBlocksFamily     = "vllm:simple_kv_offload_pending_store_blocks"
	SimplePendingStoreBlocksSample     = "vllm:simple_kv_offload_pending_store_blocks"
)

// SimpleInfo: Always 1. The labels describe the deployment: backend, page cache, lazy mode and capacity in blocks.
const (
	SimpleInfoInstrument = "vllm.simple_kv_offload.info"
	SimpleInfoFamily     = "vllm:simple_kv_offload_info"
	SimpleInfoSample     = "vllm:simple_kv_offload_info"
)

// PoolTotalBlocks: Blocks of the CPU pool that can hold data. The null block is left out.
const (
	PoolTotalBlocksInstrument = "vllm.simple_cpu_offload.total_blocks"
	PoolTotalBlocksFamily     = "vllm:simple_cpu_offload_total_blocks"
	PoolTotalBlocksSample     = "vllm:simple_cpu_offload_total_blocks"
)

// PoolFreeBlocks: Blocks of the CPU pool that a store can take. Cached blocks that may be evicted are among them.
const (
	PoolFreeBlocksInstrument = "vllm.simple_cpu_offload.free_blocks"
	PoolFreeBlocksFamily     = "vllm:simple_cpu_offload_free_blocks"
	PoolFreeBlocksSample     = "vllm:simple_cpu_offload_free_blocks"
)

// PoolUsedBlocks: Blocks of the CPU pool that are in use: the total less the free ones.
const (
	PoolUsedBlocksInstrument = "vllm.simple_cpu_offload.used_blocks"
	PoolUsedBlocksFamily     = "vllm:simple_cpu_offload_used_blocks"
	PoolUsedBlocksSample     = "vllm:simple_cpu_offload_used_blocks"
)

// PoolUsage: Fraction of the CPU pool's blocks that are in use, from 0 to 1. It does not tell how full the cache is.
const (
	PoolUsageInstrument = "vllm.simple_cpu_offload.usage_perc"
	PoolUsageFamily     = "vllm:simple_cpu_offload_usage_perc"
	PoolUsageSample     = "vllm:simple_cpu_offload_usage_perc"
)

// PoolPendingLoads: Requests with a load from the CPU to the GPU under way, those abandoned by a reset and not yet drained among them.
const (
	PoolPendingLoadsInstrument = "vllm.simple_cpu_offload.pending_loads"
	PoolPendingLoadsFamily     = "vllm:simple_cpu_offload_pending_loads"
	PoolPendingLoadsSample     = "vllm:simple_cpu_offload_pending_loads"
)

// PoolPendingStores: Store events from the GPU to the CPU that are in flight.
const (
	PoolPendingStoresInstrument = "vllm.simple_cpu_offload.pending_stores"
	PoolPendingStoresFamily     = "vllm:simple_cpu_offload_pending_stores"
	PoolPendingStoresSample     = "vllm:simple_cpu_offload_pending_stores"
)

// TotalBytes: Bytes moved between the GPU and offload storage, by direction. Deprecated: use the load and store bytes.
const (
	TotalBytesInstrument = "vllm.kv_offload.total_bytes"
	TotalBytesFamily     = "vllm:kv_offload_total_bytes"
	TotalBytesSample     = "vllm:kv_offload_total_bytes_total"
)

// TotalTime: Worker-seconds spent moving data between the GPU and offload storage, by direction. Deprecated: use the load and store time.
const (
	TotalTimeInstrument = "vllm.kv_offload.total_time"
	TotalTimeFamily     = "vllm:kv_offload_total_time"
	TotalTimeSample     = "vllm:kv_offload_total_time_total"
)

// Size: Size of one transfer between the GPU and offload storage, by direction. Deprecated: use the load and store size.
const (
	SizeInstrument = "vllm.kv_offload.size"
	SizeFamily     = "vllm:kv_offload_size"
	SizeBucket     = "vllm:kv_offload_size_bucket"
	SizeCount      = "vllm:kv_offload_size_count"
	SizeSum        = "vllm:kv_offload_size_sum"
)

// TieringBlockQueries: Chunk lookups that a tier resolved, under the name that vLLM gave them first. Deprecated: use the chunk queries.
const (
	TieringBlockQueriesInstrument = "vllm.kv_offload.tiering.block_queries"
	TieringBlockQueriesFamily     = "vllm:kv_offload_tiering_block_queries"
	TieringBlockQueriesSample     = "vllm:kv_offload_tiering_block_queries_total"
)

// TieringBlockHits: Chunk lookups that a tier resolved to a hit, under the name that vLLM gave them first. Deprecated: use the chunk hits.
const (
	TieringBlockHitsInstrument = "vllm.kv_offload.tiering.block_hits"
	TieringBlockHitsFamily     = "vllm:kv_offload_tiering_block_hits"
	TieringBlockHitsSample     = "vllm:kv_offload_tiering_block_hits_total"
)

// RequestsRunning: Requests that are being executed.
const (
	RequestsRunningInstrument = "vllm.num_requests_running"
	RequestsRunningFamily     = "vllm:num_requests_running"
	RequestsRunningSample     = "vllm:num_requests_running"
)

// RequestsWaiting: Requests that wait to be scheduled.
const (
	RequestsWaitingInstrument = "vllm.num_requests_waiting"
	RequestsWaitingFamily     = "vllm:num_requests_waiting"
	RequestsWaitingSample     = "vllm:num_requests_waiting"
)

// KVCacheUsage: Fraction of the GPU's KV cache that is in use, from 0 to 1.
const (
	KVCacheUsageInstrument = "vllm.kv_cache_usage_perc"
	KVCacheUsageFamily     = "vllm:kv_cache_usage_perc"
	KVCacheUsageSample     = "vllm:kv_cache_usage_perc"
)

// CacheConfigInfo: Always 1. The labels tell the static configuration of the engine's KV cache.
const (
	CacheConfigInfoInstrument = "vllm.cache_config_info"
	CacheConfigInfoFamily     = "vllm:cache_config_info"
	CacheConfigInfoSample     = "vllm:cache_config_info"
)

// ExternalPrefixCacheQueries: Tokens of prompts that the KV connector was asked for.
const (
	ExternalPrefixCacheQueriesInstrument = "vllm.external_prefix_cache_queries"
	ExternalPrefixCacheQueriesFamily     = "vllm:external_prefix_cache_queries"
	ExternalPrefixCacheQueriesSample     = "vllm:external_prefix_cache_queries_total"
)

// ExternalPrefixCacheHits: Tokens of prompts that the KV connector had.
const (
	ExternalPrefixCacheHitsInstrument = "vllm.external_prefix_cache_hits"
	ExternalPrefixCacheHitsFamily     = "vllm:external_prefix_cache_hits"
	ExternalPrefixCacheHitsSample     = "vllm:external_prefix_cache_hits_total"
)
