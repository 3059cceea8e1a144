// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/otelkv"
)

// testOptions returns a cache so small that a few virtual seconds of requests evict from
// both tiers.
func testOptions() Options {
	options := defaultOptions()
	options.Sizes = Sizes{
		ChunkBytes:    16 << 10, // far below it, the step alone would look like back-pressure
		GPUChunks:     40,
		PrimaryChunks: 48,
		FileChunks:    64,
		FileWorkers:   2,
		FileQueue:     16,
		MaxRequests:   4,
		MaxDeferrals:  16,
		Step:          5 * time.Millisecond,
	}
	options.Workload = Workload{
		Rate:       50,
		Families:   10,
		Popularity: 1.1,
		Prefix:     Range{2, 8},
		Suffix:     Range{1, 2},
	}
	return options
}

// A testCache is a cache that compares every served byte with what was stored. Its metrics
// are scraped without a server.
type testCache struct {
	*Cache
	pipeline *exporters.Pipeline

	mu     sync.Mutex
	served int
}

func newTestCache(t *testing.T, options Options, dir string) *testCache {
	t.Helper()
	catalogue, err := catalogue()
	if err != nil {
		t.Fatal(err)
	}
	recorder, err := otelkv.New(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	pipeline, err := exporters.Start(t.Context(), recorder,
		exporters.WithExporters("prometheus"), exporters.WithoutServer())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pipeline.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	cache, err := NewCache(options, dir, recorder, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c := &testCache{Cache: cache, pipeline: pipeline}
	stored := map[Key][]byte{}
	for _, e := range cache.engines {
		e.served = func(key Key, got []byte) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.served++
			if stored[key] == nil {
				stored[key] = make([]byte, options.Sizes.ChunkBytes)
				compute(key, stored[key])
			}
			if !bytes.Equal(got, stored[key]) {
				t.Errorf("chunk %s was served with other bytes than were stored", key)
			}
		}
	}
	return c
}

// runFor runs the cache for a while and checks that nothing is left in use.
func (c *testCache) runFor(t *testing.T, d time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	err := c.Run(ctx)
	for i, e := range c.engines {
		if u := e.primary.Usage(); u.Writing != 0 || u.Allocated != u.Evictable {
			t.Errorf("engine %d: the primary tier has chunks in use: %+v", i, u)
		}
		if len(e.gpu.free) != e.sizes.GPUChunks || len(e.requests) != 0 || e.inFlight != 0 {
			t.Errorf("engine %d: %d rows free, %d requests, %d jobs in flight", i, len(e.gpu.free), len(e.requests), e.inFlight)
		}
		if state := e.metrics.Tiering.State(); state.Requests != 0 || state.Rejected != 0 {
			t.Errorf("engine %d: the tracker remembers %+v", i, state)
		}
	}
	return err
}

// samples scrapes the cache and returns sample values by name and tier, summed over all other
// labels.
func (c *testCache) samples(t *testing.T) map[string]float64 {
	t.Helper()
	response := httptest.NewRecorder()
	c.pipeline.Handler().ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	samples := map[string]float64{}
	for line := range strings.Lines(response.Body.String()) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("sample %q: %v", line, err)
		}
		name, labels, _ := strings.Cut(name, "{")
		if _, tier, ok := strings.Cut(labels, `tier="`); ok {
			name += " " + strings.TrimSuffix(tier, `"`)
		}
		samples[name] += number
	}
	return samples
}

func TestCacheServesWhatWasStored(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		options := testOptions()
		c := newTestCache(t, options, dir)
		if err := c.runFor(t, 8*time.Second); err != nil {
			t.Fatal(err)
		}
		s := c.samples(t)
		chunk := float64(options.Sizes.ChunkBytes)
		equal := func(name string, want float64) {
			t.Helper()
			if got, ok := s[name]; !ok || got != want {
				t.Errorf("%s is %v (present: %v), want %v", name, got, ok, want)
			}
		}
		positive := func(names ...string) {
			t.Helper()
			for _, name := range names {
				if s[name] <= 0 {
					t.Errorf("%s is %v, want more than 0", name, s[name])
				}
			}
		}
		equal("vllm:kv_offload_load_bytes_total", float64(c.served)*chunk)
		equal("vllm:kv_offload_load_size_sum", float64(c.served)*chunk)
		equal("vllm:external_prefix_cache_hits_total", float64(c.served)*blocksPerChunk*tokensPerBlock)
		equal("vllm:kv_offload_store_size_sum", s["vllm:kv_offload_store_bytes_total"])
		equal("vllm:kv_offload_total_bytes_total", s["vllm:kv_offload_load_bytes_total"]+s["vllm:kv_offload_store_bytes_total"])
		// The file tier is asked for chunks that the primary tier does not have, up to the
		// first chunk that neither has.
		queries, hits := s["vllm:kv_offload_tiering_chunk_queries_total 1:fs"], s["vllm:kv_offload_tiering_chunk_hits_total 1:fs"]
		misses := s["vllm:kv_offload_tiering_chunk_queries_total 0:primary"] - s["vllm:kv_offload_tiering_chunk_hits_total 0:primary"]
		if hits > queries || queries > misses {
			t.Errorf("%v hits in %v queries of the file tier after %v misses of the primary", hits, queries, misses)
		}
		for _, name := range []string{
			"vllm:kv_offload_cpu_cache_usage_perc",
			"vllm:kv_offload_cpu_cache_write_usage_perc",
			"vllm:kv_offload_tiering_active_promotion_jobs 1:fs",
			"vllm:kv_offload_tiering_active_cascade_jobs 1:fs",
			"vllm:kv_offload_tiering_primary_write_usage_perc 1:fs",
			"vllm:kv_offload_tiering_primary_read_usage_perc 1:fs",
			"vllm:kv_offload_tiering_cascade_job_failures_total 1:fs",
			"tieredcache_corrupt_chunks_total 0:primary",
			"tieredcache_corrupt_chunks_total 1:fs",
			"tieredcache_failed_writes_total 1:fs",
		} {
			equal(name, 0)
		}
		equal("vllm:kv_offload_config_info", 2)
		equal("tieredcache_resident_chunks 1:fs", 2*float64(c.files.Len()))
		positive(
			"vllm:kv_offload_tiering_chunk_hits_total 0:primary",
			"vllm:kv_offload_tiering_chunk_hits_total 1:fs",
			"vllm:kv_offload_tiering_read_bytes_total 1:fs",
			"vllm:kv_offload_tiering_write_bytes_total 1:fs",
			"vllm:kv_offload_lookup_async_delay_seconds_count",
			"vllm:kv_offload_tiering_lookup_async_delay_seconds_count 1:fs",
			"vllm:kv_offload_cpu_allocation_size_count",
			"tieredcache_resident_chunks 0:primary",
		)
	})
}

func TestNewCacheRefusesRequestsThatNeverFit(t *testing.T) {
	options := testOptions()
	options.Sizes.GPUChunks = options.Workload.MaxChunks() - 1
	if _, err := NewCache(options, t.TempDir(), nil, nil); err == nil {
		t.Error("no error for requests that are longer than the GPU")
	}
}

// TestCacheShortOfMemory gives the engines less memory than their requests need. Stores and
// promotions are refused and counted, and the cache still works.
func TestCacheShortOfMemory(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		options := testOptions()
		options.Sizes.PrimaryChunks = 8
		c := newTestCache(t, options, dir)
		var files atomic.Int64
		create := c.files.create
		c.files.create = func(dir, pattern string) (temporaryFile, error) {
			files.Add(1)
			return create(dir, pattern)
		}
		if err := c.runFor(t, 8*time.Second); err != nil {
			t.Fatal(err)
		}
		s := c.samples(t)
		for _, name := range []string{
			"vllm:kv_offload_allocation_failure_total",
			"vllm:kv_offload_tiering_promotion_allocation_failures_total",
			"vllm:kv_offload_load_bytes_total",
		} {
			if s[name] <= 0 {
				t.Errorf("%s is %v, want more than 0", name, s[name])
			}
		}
		// A chunk that could not be promoted is computed again, and has a file already.
		written := s["vllm:kv_offload_tiering_write_bytes_total 1:fs"]
		if want := float64(files.Load()) * float64(options.Sizes.ChunkBytes); written != want {
			t.Errorf("%v bytes cascaded, want those of %d files: %v", written, files.Load(), want)
		}
	})
}

// TestCacheOnSlowFiles has a slow file tier. Stores to it are dropped, by back-pressure or
// because the queue is full, and counted.
func TestCacheOnSlowFiles(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		options := testOptions()
		c := newTestCache(t, options, dir)
		create := c.files.create
		c.files.create = func(dir, pattern string) (temporaryFile, error) {
			time.Sleep(200 * time.Millisecond)
			return create(dir, pattern)
		}
		if err := c.runFor(t, 8*time.Second); err != nil {
			t.Fatal(err)
		}
		s := c.samples(t)
		stores := s["vllm:kv_offload_tiering_backpressure_stores_dropped_total 1:fs"]
		chunks := s["vllm:kv_offload_tiering_backpressure_blocks_dropped_total 1:fs"]
		if stores <= 0 || chunks < stores {
			t.Errorf("%v stores and %v chunks dropped", stores, chunks)
		}
		if ema := s["vllm:kv_offload_tiering_backpressure_store_latency_ema 1:fs"]; ema < 1 {
			t.Errorf("store latency of %v s/MiB, want more than 1", ema)
		}
		// No request waits for the file tier longer than allowed.
		waits, seconds := s["vllm:kv_offload_lookup_async_delay_seconds_count"], s["vllm:kv_offload_lookup_async_delay_seconds_sum"]
		longest := time.Duration(options.Sizes.MaxDeferrals) * options.Sizes.Step
		if waits <= 0 || seconds/waits > longest.Seconds() {
			t.Errorf("%v requests waited for %v s, want at most %v each", waits, seconds, longest)
		}
	})
}

// TestCacheOnStuckFiles has a file tier whose queue is full most of the time. Stores do not
// wait: they are dropped and counted.
func TestCacheOnStuckFiles(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		options := testOptions()
		options.Sizes.FileWorkers, options.Sizes.FileQueue = 1, 1
		c := newTestCache(t, options, dir)
		c.files.create = func(string, string) (temporaryFile, error) {
			time.Sleep(time.Second)
			return nil, errors.New("device is stuck")
		}
		if err := c.runFor(t, 8*time.Second); err != nil {
			t.Fatal(err)
		}
		s := c.samples(t)
		failed := s["vllm:kv_offload_tiering_cascade_job_failures_total 1:fs"]
		dropped := s["vllm:kv_offload_tiering_backpressure_stores_dropped_total 1:fs"]
		stores := s["vllm:kv_offload_store_size_count"]
		if failed <= 0 || dropped <= 0 || failed+dropped != stores {
			t.Errorf("of %v stores %v failed to cascade and %v were dropped, want all", stores, failed, dropped)
		}
	})
}

func TestCacheNeverServesDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		options := testOptions()
		if err := newTestCache(t, options, dir).runFor(t, 3*time.Second); err != nil {
			t.Fatal(err)
		}
		damaged := damageFiles(t, dir)
		c := newTestCache(t, options, dir)
		err := c.runFor(t, 3*time.Second)
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("error %v, want one that wraps %q", err, ErrCorrupt)
		}
		s := c.samples(t)
		corrupt := s["tieredcache_corrupt_chunks_total 1:fs"]
		if corrupt <= 0 || corrupt > float64(damaged) {
			t.Errorf("%v corrupt chunks counted, %d files were damaged", corrupt, damaged)
		}
		// A request does not ask again for a chunk that could not be read.
		if failed := s["vllm:kv_offload_tiering_promotion_job_failures_total 1:fs"]; failed <= 0 || failed > corrupt {
			t.Errorf("%v promotions failed over %v corrupt chunks", failed, corrupt)
		}
		if c.served == 0 {
			t.Error("nothing was served")
		}
	})
}

// damageFiles flips one bit in every chunk's file, and returns how many there are.
func damageFiles(t *testing.T, dir string) int {
	t.Helper()
	for _, name := range names(t, dir) {
		path := filepath.Join(dir, name)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file[headerBytes] ^= 1
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return len(names(t, dir))
}

func TestCacheNeverServesDamagedMemory(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := newTestCache(t, testOptions(), dir)
		if err := c.runFor(t, 3*time.Second); err != nil {
			t.Fatal(err)
		}
		damaged := 0
		for _, e := range c.engines {
			for _, chunk := range e.primary.chunks {
				chunk.Data[0] ^= 1
				damaged++
			}
		}
		if err := c.runFor(t, 3*time.Second); !errors.Is(err, ErrCorrupt) {
			t.Errorf("error %v, want one that wraps %q", err, ErrCorrupt)
		}
		if got := c.samples(t)["tieredcache_corrupt_chunks_total 0:primary"]; got <= 0 || got > float64(damaged) {
			t.Errorf("%v corrupt chunks counted in the primary tier, %d were damaged", got, damaged)
		}
	})
}

func TestCacheOnFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("needs /dev/full")
	}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := newTestCache(t, testOptions(), dir)
		c.files.create = createOnFullDisk
		if err := c.runFor(t, 3*time.Second); err != nil {
			t.Fatal(err)
		}
		s := c.samples(t)
		failed := s["tieredcache_failed_writes_total 1:fs"]
		if failed <= 0 || s["vllm:kv_offload_tiering_cascade_job_failures_total 1:fs"] != failed {
			t.Errorf("%v failed writes and %v failed cascades", failed, s["vllm:kv_offload_tiering_cascade_job_failures_total 1:fs"])
		}
		if written := s["vllm:kv_offload_tiering_write_bytes_total 1:fs"]; written != 0 {
			t.Errorf("%v bytes written to a full disk", written)
		}
		if c.served == 0 {
			t.Error("the primary tier served nothing")
		}
		if left := names(t, dir); len(left) != 0 {
			t.Errorf("files left behind: %v", left)
		}
	})
}

// TestCacheAtFullSpeed runs in real time, so that the race detector sees concurrent engines
// and workers.
func TestCacheAtFullSpeed(t *testing.T) {
	options := testOptions()
	options.Engines = 4
	options.Workload.Rate = 2000
	options.Sizes.Step = 100 * time.Microsecond
	c := newTestCache(t, options, t.TempDir())
	if err := c.runFor(t, 500*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if c.served == 0 {
		t.Error("nothing was served")
	}
}
