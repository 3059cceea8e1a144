// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// This file is all code that uses otelkv, except the calls of trackers. The engine calls the
// trackers of an [EngineMetrics], which implement vLLM's rules. In each step,
// [EngineMetrics.Observe] records their payloads.

// modelName is the value of the label model_name.
const modelName = "tieredcache"

// A chunk stands for several attention blocks.
const (
	blocksPerChunk = 4
	tokensPerBlock = 16
)

// fileTier is the type of the secondary tier. Its label value is "1:fs", as in vLLM.
const fileTier = "fs"

// The cache's own metrics.
var (
	corruptChunks = schema.Int64Counter{
		Name:           "tieredcache.corrupt_chunks",
		PrometheusName: "tieredcache_corrupt_chunks",
		Unit:           "{chunk}",
		Description:    "Chunks whose content changed between writing and reading. They are not served.",
		LabelNames:     []string{schema.LabelTier},
		PrimaryTier:    true,
		Usage:          "More than 0 is a fault of the disk or the memory.",
		Query:          "sum by (tier) (increase(tieredcache_corrupt_chunks_total[1h]))",
	}
	failedWrites = schema.Int64Counter{
		Name:           "tieredcache.failed_writes",
		PrometheusName: "tieredcache_failed_writes",
		Unit:           "{write}",
		Description:    "Writes to a tier that failed, for example because the disk is full.",
		LabelNames:     []string{schema.LabelTier},
		Usage:          "The cache works without the tier. Make room on the disk.",
		Query:          "sum by (tier) (rate(tieredcache_failed_writes_total[5m]))",
	}
	residentChunks = schema.Int64Gauge{
		Name:           "tieredcache.resident_chunks",
		PrometheusName: "tieredcache_resident_chunks",
		Unit:           "{chunk}",
		Description:    "Chunks in a tier.",
		LabelNames:     []string{schema.LabelTier},
		PrimaryTier:    true,
		Usage:          "Compare with the tier's capacity.",
		Query:          "tieredcache_resident_chunks",
		Trap:           "Engines share the file tier, and each engine reports all of its chunks.",
	}
)

// catalogue returns the metrics of vLLM's tiered offloading, those of vLLM's scheduler for
// any connector and for routers, and the cache's own.
func catalogue() (*schema.Catalogue, error) {
	own := []schema.Metric{corruptChunks, failedWrites, residentChunks}
	return vllm.TieringSpec().With(slices.Concat(vllm.Scheduler(), vllm.ExternalPrefixCache(), own)...)
}

// startPipeline exports the recorder by the exporters that the environment chooses. The
// default is Prometheus. The default service name is the program's name. The server of
// scrapes also serves the live page.
func startPipeline(ctx context.Context, recorder *otelkv.Recorder, listen string) (*exporters.Pipeline, error) {
	service, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", modelName)),
		resource.WithFromEnv())
	switch {
	case errors.Is(err, resource.ErrPartialResource), errors.Is(err, resource.ErrSchemaURLConflict):
		otel.Handle(err) // The rest of the resource is valid.
	case err != nil:
		return nil, err
	}
	return exporters.Start(ctx, recorder,
		exporters.WithDefaultExporters("prometheus"),
		exporters.WithProviderOptions(sdkmetric.WithResource(service)),
		exporters.WithServer(listen, prometheus.WithHTTPServer(func(_ *http.Server, mux *http.ServeMux) {
			mux.Handle("GET /{$}", pageHandler())
		})))
}

// EngineMetrics are the trackers of one engine. They record into payloads, as vLLM's
// scheduler and workers do.
type EngineMetrics struct {
	*otelkv.Trackers

	// Bound series of the cache's own metrics. Unlike the trackers, they are not safe for
	// concurrent use. Only the engine's goroutine uses them.
	CorruptInPrimary *stats.Int64Counter
	CorruptOnFile    *stats.Int64Counter
	FailedWrites     *stats.Int64Counter
	prefixQueries    *stats.Int64Counter
	prefixHits       *stats.Int64Counter
	residentPrimary  *stats.Int64Gauge
	residentOnFile   *stats.Int64Gauge

	// Routers read these. They are recorded directly, so the summary does not have them.
	running, waiting otelkv.Int64Gauge
	gpuUsage         otelkv.Float64Gauge

	engine  *otelkv.Engine
	summary *Summary
	own     stats.Payload
	sources []source
	step    stats.Payload
	taken   stats.Payload
}

// A source has a payload of what happened since the last call of TakeInto.
type source interface {
	TakeInto(*stats.Payload) bool
}

// NewEngineMetrics adds an engine to the recorder and returns its trackers. The series are
// primed: a scrape shows them at zero before the first request.
func NewEngineMetrics(recorder *otelkv.Recorder, index int, sizes Sizes, summary *Summary) (*EngineMetrics, error) {
	engine, err := recorder.AddEngine(index, modelName, otelkv.WithTiers(fileTier), otelkv.WithPriming())
	if err != nil {
		return nil, err
	}
	m := &EngineMetrics{engine: engine, summary: summary}
	var errs [13]error
	m.Trackers, errs[0] = engine.Trackers(tiering.Config{
		PrimaryChunks: sizes.PrimaryChunks,
		ChunkSize:     int64(sizes.ChunkBytes),
		BackPressure:  map[int]tiering.BackPressure{fileIndex: tiering.DefaultBackPressure(fileTier, "")},
	}, connector.WithBinder(nil))
	info, err := configInfo(sizes)
	errs[1] = err

	tiers := engine.Tiers()
	m.CorruptInPrimary, errs[2] = m.own.Int64Counter(corruptChunks, tiers[primaryIndex])
	m.CorruptOnFile, errs[3] = m.own.Int64Counter(corruptChunks, tiers[fileIndex])
	m.FailedWrites, errs[4] = m.own.Int64Counter(failedWrites, tiers[fileIndex])
	m.residentPrimary, errs[5] = m.own.Int64Gauge(residentChunks, tiers[primaryIndex])
	m.residentOnFile, errs[6] = m.own.Int64Gauge(residentChunks, tiers[fileIndex])
	m.prefixQueries, errs[7] = m.own.Int64Counter(vllm.ExternalPrefixCacheQueries)
	m.prefixHits, errs[8] = m.own.Int64Counter(vllm.ExternalPrefixCacheHits)
	m.running, errs[9] = engine.Int64Gauge(vllm.RequestsRunning)
	m.waiting, errs[10] = engine.Int64Gauge(vllm.RequestsWaiting)
	m.gpuUsage, errs[11] = engine.Float64Gauge(vllm.KVCacheUsage)
	errs[12] = m.cacheConfigInfo(sizes)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	m.sources = []source{m.Transfers, m.Connector, info, m.Pool, m.Tiering, &m.own}
	return m, nil
}

// configInfo returns the static facts that vLLM's specification of a CPU cache declares.
// They are sent once.
func configInfo(sizes Sizes) (*connector.ConfigInfo, error) {
	info, err := connector.NewConfigInfo(vllm.ConfigInfo(vllm.CPUConfigLabelNames()...))
	if err != nil {
		return nil, err
	}
	return info, info.Set(map[string]string{
		"cpu_num_chunks":                 strconv.Itoa(sizes.PrimaryChunks),
		"cpu_blocks_per_chunk":           strconv.Itoa(blocksPerChunk),
		"cpu_kv_bytes_per_chunk":         strconv.Itoa(sizes.ChunkBytes),
		"cpu_capacity_tokens_at_max_len": strconv.Itoa(sizes.PrimaryChunks * blocksPerChunk * tokensPerBlock),
	})
}

// cacheConfigInfo records the facts that vLLM's engine reports about its KV cache. They are
// on every scrape.
func (m *EngineMetrics) cacheConfigInfo(sizes Sizes) error {
	const none = "None"
	info, err := m.engine.Int64Gauge(vllm.CacheConfigInfo,
		strconv.Itoa(tokensPerBlock), strconv.Itoa(sizes.GPUChunks*blocksPerChunk), none, "native",
		strconv.FormatFloat(float64(sizes.PrimaryChunks*sizes.ChunkBytes)/(1<<30), 'f', -1, 64))
	info.Record(1)
	return err
}

// Requests records the number of requests in progress, the number that wait for their
// lookup, and the fraction of the GPU's rows in use.
func (m *EngineMetrics) Requests(running, waiting int, gpuUsage float64) {
	m.running.Record(int64(running))
	m.waiting.Record(int64(waiting))
	m.gpuUsage.Record(gpuUsage)
}

// Scheduled counts the chunks of a request that were looked up and that were found.
func (m *EngineMetrics) Scheduled(asked, found int) {
	m.prefixQueries.Add(int64(asked) * blocksPerChunk * tokensPerBlock)
	m.prefixHits.Add(int64(found) * blocksPerChunk * tokensPerBlock)
}

// Observe records what happened since the last call, and how full the tiers are. An error
// means that a metric is not in the catalogue.
func (m *EngineMetrics) Observe(ctx context.Context, usage Usage, onFile int) error {
	m.Pool.SetCounts(tiering.PoolCounts{
		Allocated:    usage.Allocated,
		Evictable:    usage.Evictable,
		WritePending: usage.Writing,
	})
	m.residentPrimary.Record(int64(usage.Allocated))
	m.residentOnFile.Record(int64(onFile))

	m.step.Reset()
	var errs []error
	for _, s := range m.sources {
		if s.TakeInto(&m.taken) {
			errs = append(errs, m.step.Merge(&m.taken))
		}
	}
	errs = append(errs, m.engine.Observe(ctx, &m.step), m.summary.Merge(&m.step))
	return errors.Join(errs...)
}

// A Summary merges the payloads of all engines between two log lines. Its memory grows with
// the number of histogram samples. It is safe for concurrent use.
type Summary struct {
	mu       sync.Mutex
	interval stats.Payload
}

// Merge adds a payload. If several engines report a gauge, the last value counts, as in
// vLLM.
func (s *Summary) Merge(payload *stats.Payload) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.interval.Merge(payload)
}

// Take returns the interval's payload as vLLM's logger prints it, and begins the next
// interval.
func (s *Summary) Take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	reduced := s.interval.Reduce()
	s.interval.Reset()
	return "KV Transfer metrics: " + reduced.String()
}
