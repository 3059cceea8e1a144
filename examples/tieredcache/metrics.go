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

// This file is all that the cache has to do with otelkv but for the calls of the
// trackers. The engine tells the trackers of an [EngineMetrics] what happens; they
// know vLLM's rules. Once a step [EngineMetrics.Observe] records what they have
// gathered.

// modelName is the value of the label model_name.
const modelName = "tieredcache"

// What a chunk stands for: attention blocks of so many tokens each.
const (
	blocksPerChunk = 4
	tokensPerBlock = 16
)

// fileTier is the type of the secondary tier. Its label value is "1:fs", as in vLLM.
const fileTier = "fs"

// The metrics that are the cache's own.
var (
	corruptChunks = schema.Int64Counter{
		Name:           "tieredcache.corrupt_chunks",
		PrometheusName: "tieredcache_corrupt_chunks",
		Unit:           "{chunk}",
		Description:    "Chunks that were read and were not what had been written. None of them is served.",
		LabelNames:     []string{schema.LabelTier},
		PrimaryTier:    true,
		Usage:          "Anything but 0 is a fault of the disk or the memory.",
		Query:          "sum by (tier) (increase(tieredcache_corrupt_chunks_total[1h]))",
	}
	failedWrites = schema.Int64Counter{
		Name:           "tieredcache.failed_writes",
		PrometheusName: "tieredcache_failed_writes",
		Unit:           "{write}",
		Description:    "Writes to a tier that ended in an error, for example because the disk is full.",
		LabelNames:     []string{schema.LabelTier},
		Usage:          "The cache goes on without the tier. Make room.",
		Query:          "sum by (tier) (rate(tieredcache_failed_writes_total[5m]))",
	}
	residentChunks = schema.Int64Gauge{
		Name:           "tieredcache.resident_chunks",
		PrometheusName: "tieredcache_resident_chunks",
		Unit:           "{chunk}",
		Description:    "Chunks that a tier holds.",
		LabelNames:     []string{schema.LabelTier},
		PrimaryTier:    true,
		Usage:          "Compare with the tier's capacity.",
		Query:          "tieredcache_resident_chunks",
		Trap:           "Engines share the file tier, and each of them reports all of it.",
	}
)

// catalogue returns what the program measures: all of vLLM's tiered offloading, what
// vLLM's scheduler has for any connector and for routers, and the cache's own.
func catalogue() (*schema.Catalogue, error) {
	own := []schema.Metric{corruptChunks, failedWrites, residentChunks}
	return vllm.TieringSpec().With(slices.Concat(vllm.Scheduler(), vllm.ExternalPrefixCache(), own)...)
}

// startPipeline exports the recorder through the exporters that the environment
// chooses, or else Prometheus's. Its service is called as the program is, unless the
// environment says otherwise. The live page is served beside the metrics.
func startPipeline(ctx context.Context, recorder *otelkv.Recorder, listen string) (*exporters.Pipeline, error) {
	service, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", modelName)),
		resource.WithFromEnv())
	switch {
	case errors.Is(err, resource.ErrPartialResource), errors.Is(err, resource.ErrSchemaURLConflict):
		otel.Handle(err) // What there is of the resource can be used.
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

// EngineMetrics are the trackers of one engine. They gather what happens into
// payloads, as vLLM's scheduler and workers do.
type EngineMetrics struct {
	*otelkv.Trackers

	// Bound series of the cache's own metrics. Unlike the trackers they are not
	// safe for concurrent use: only the engine's goroutine uses them.
	CorruptInPrimary *stats.Int64Counter
	CorruptOnFile    *stats.Int64Counter
	FailedWrites     *stats.Int64Counter
	prefixQueries    *stats.Int64Counter
	prefixHits       *stats.Int64Counter
	residentPrimary  *stats.Int64Gauge
	residentOnFile   *stats.Int64Gauge

	// What routers read is recorded as it is, and in no summary.
	running, waiting otelkv.Int64Gauge
	gpuUsage         otelkv.Float64Gauge

	engine  *otelkv.Engine
	summary *Summary
	own     stats.Payload
	sources []source
	step    stats.Payload
	taken   stats.Payload
}

// A source hands out what it gathered since it was last asked.
type source interface {
	TakeInto(*stats.Payload) bool
}

// NewEngineMetrics declares an engine to the recorder and returns its trackers.
// Its series are primed: a scrape shows them at zero before the first request.
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

// configInfo tells the static facts that vLLM's specification of a CPU cache
// declares. It sends them once.
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

// cacheConfigInfo tells the facts that vLLM's engine tells of its KV cache, from the
// first scrape on.
func (m *EngineMetrics) cacheConfigInfo(sizes Sizes) error {
	const none = "None"
	info, err := m.engine.Int64Gauge(vllm.CacheConfigInfo,
		strconv.Itoa(tokensPerBlock), strconv.Itoa(sizes.GPUChunks*blocksPerChunk), none, "native",
		strconv.FormatFloat(float64(sizes.PrimaryChunks*sizes.ChunkBytes)/(1<<30), 'f', -1, 64))
	info.Record(1)
	return err
}

// Requests tells how many requests the engine works on and how many of them wait for
// their lookup, and which fraction of the GPU's rows they hold.
func (m *EngineMetrics) Requests(running, waiting int, gpuUsage float64) {
	m.running.Record(int64(running))
	m.waiting.Record(int64(waiting))
	m.gpuUsage.Record(gpuUsage)
}

// Scheduled counts the prefix of a request that was looked up, and how much of it
// was found, both in chunks.
func (m *EngineMetrics) Scheduled(asked, found int) {
	m.prefixQueries.Add(int64(asked) * blocksPerChunk * tokensPerBlock)
	m.prefixHits.Add(int64(found) * blocksPerChunk * tokensPerBlock)
}

// Observe records what happened since the last call, and how full the tiers are
// now. An error says that the program records something that its catalogue does
// not have.
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

// A Summary gathers the payloads of all engines between two log lines, which
// takes memory in proportion to what happens in between. It is safe for
// concurrent use.
type Summary struct {
	mu       sync.Mutex
	interval stats.Payload
}

// Merge adds a payload. Of a gauge that several engines report, the latest value
// stays, as in vLLM.
func (s *Summary) Merge(payload *stats.Payload) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.interval.Merge(payload)
}

// Take returns the interval's payload, reduced as vLLM's logger prints it, and
// begins the next interval.
func (s *Summary) Take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	reduced := s.interval.Reduce()
	s.interval.Reset()
	return "KV Transfer metrics: " + reduced.String()
}
