// SPDX-License-Identifier: Apache-2.0

// Package soak runs everything at once for a while: recording, payloads, scrapes
// and pushes, engines that come and go, a flood of label values, and fifty thousand
// series beside it all.
//
//	go test ./soak -soak 10m -timeout 15m
package soak

import (
	"flag"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/receiver"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

var duration = flag.Duration("soak", time.Minute, "how long the soak lasts")

const (
	recorders = 8
	// payloadsPerSecond is the rate over all engines that exist from the start.
	payloadsPerSecond = 1000
	scrapeInterval    = time.Second
	// pushInterval is that of two readers, a cumulative one and one of deltas.
	pushInterval = 5 * time.Second
	// atLeast is the least number of series. bulkTiers is the number of tiers of each
	// engine that adds them.
	atLeast   = 50_000
	bulkTiers = 250
	// churnInterval is the time between two replacements of an engine.
	churnInterval = 100 * time.Millisecond
	// churnIndexes is the number of indexes of these engines.
	churnIndexes = 20
	// attackBatch is the number of undeclared tiers in one batch.
	attackBatch = 50

	// heapGrowth and goroutineGrowth limit the growth after the flood has reached its
	// limit.
	heapGrowth      = 4 << 20
	goroutineGrowth = 5
)

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

// A soak is one run. The fields count what was recorded.
type soak struct {
	service  *load.Service
	receiver *receiver.Receiver
	stop     chan struct{}
	running  sync.WaitGroup

	bytes    atomic.Int64 // by bound series, on engine 0
	samples  atomic.Int64 // by bound series, on engine 0
	payloads atomic.Int64 // on engine 1, each of one byte
	attacks  atomic.Int64 // bytes of tiers that were flooded with, on engine 0
	churned  atomic.Int64 // bytes of engines that came and went
	engines  atomic.Int64 // that came and went
	scrapes  atomic.Int64
	bulked   atomic.Int64 // bytes of the engines with many tiers

	deltas     *deltas
	collecting atomic.Int64 // collections that are under way
	adds       latencies    // of the additions meanwhile
	pause      sync.RWMutex // held for writing while no reader may collect
	bulk       []otelkv.Int64Counter
}

func TestSoak(t *testing.T) {
	length := *duration
	if testing.Short() {
		length = min(length, 5*time.Second)
	}
	r := receiver.New(t, nil)
	r.Start(t)
	defer runtime.SetMutexProfileFraction(runtime.SetMutexProfileFraction(10))
	s := &soak{receiver: r, stop: make(chan struct{}), deltas: newDeltas()}
	load.OverGRPC(t, r.Address())
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", strconv.FormatInt(pushInterval.Milliseconds(), 10))
	s.service = load.NewService(t, vllm.TieringSpec(), "soak", exporters.WithExporters("prometheus,otlp"),
		exporters.WithServer("127.0.0.1:0"), exporters.WithExporter(s.deltas))
	begin := time.Now()
	s.start(t)

	// The flood needs a third of the time to reach its limit.
	time.Sleep(length / 3)
	for range 2 { // so that the memory of pushes is there, however short the run is
		s.service.Flush(t)
	}
	heapBefore, goroutinesBefore := s.inUse()
	time.Sleep(time.Until(begin.Add(length)))
	heapAfter, goroutinesAfter := s.inUse()
	elapsed := time.Since(begin)
	close(s.stop)
	s.running.Wait()
	s.flush(t)
	s.report(t, elapsed)
	t.Logf("additions while a scrape was under way: %v", &s.adds)
	s.checkContention(t, elapsed)
	t.Logf("heap %d KiB, then %d KiB; goroutines %d, then %d", heapBefore>>10, heapAfter>>10, goroutinesBefore, goroutinesAfter)
	if heapAfter-heapBefore > heapGrowth {
		t.Errorf("the heap grew by %d bytes", heapAfter-heapBefore)
	}
	if goroutinesAfter-goroutinesBefore > goroutineGrowth {
		t.Errorf("there are %d goroutines more", goroutinesAfter-goroutinesBefore)
	}
	s.check(t)
}

// start starts everything that records or reads.
func (s *soak) start(t *testing.T) {
	for range recorders {
		s.running.Go(func() { s.record(t) })
	}
	s.every(time.Second/payloadsPerSecond, func() { s.observe(t) })
	s.every(churnInterval, s.newChurn(t))
	s.every(20*time.Millisecond, s.newAttack(t))
	s.addBulk(t)
	url := s.service.Pipeline.URL()
	s.every(scrapeInterval, func() {
		s.pause.RLock()
		defer s.pause.RUnlock()
		s.collecting.Add(1)
		exposition.Get(t, url)
		s.collecting.Add(-1)
		s.scrapes.Add(1)
	})
}

// addBulk adds engines with many tiers until there are enough series. The tiers are
// declared, so that the limit of the flood does not fold them.
func (s *soak) addBulk(t *testing.T) {
	var tiers []string
	for range bulkTiers {
		tiers = append(tiers, "bulk")
	}
	for index := 1000; s.service.Recorder.Statistics().Series < atLeast; index++ {
		engine, err := s.service.Recorder.AddEngine(index, "bulk", otelkv.WithTiers(tiers...), otelkv.WithPriming())
		if err != nil {
			t.Fatal(err)
		}
		for _, tier := range engine.Tiers()[1:] {
			counter, err := engine.Int64Counter(vllm.TieringReadBytes, tier)
			if err != nil {
				t.Fatal(err)
			}
			s.bulk = append(s.bulk, counter)
		}
	}
	s.every(100*time.Millisecond, func() {
		for _, counter := range s.bulk {
			counter.Add(1)
		}
		s.bulked.Add(int64(len(s.bulk)))
	})
}

// every calls do at the interval. It makes up for missed calls, so that the rate is right
// on a busy machine.
func (s *soak) every(interval time.Duration, do func()) {
	s.running.Go(func() {
		for next := time.Now(); ; next = next.Add(interval) {
			timer := time.NewTimer(time.Until(next))
			select {
			case <-s.stop:
				timer.Stop()
				return
			case <-timer.C:
				do()
			}
		}
	})
}

// record adds to bound series in bursts, with pauses for other goroutines.
func (s *soak) record(t *testing.T) {
	loads, err := s.service.Engines[0].Int64Counter(vllm.LoadBytes)
	if err != nil {
		t.Error(err)
	}
	sizes, err := s.service.Engines[0].Histogram(vllm.LoadSize)
	if err != nil {
		t.Error(err)
	}
	for {
		select {
		case <-s.stop:
			return
		case <-time.After(time.Millisecond):
		}
		during := s.collecting.Load() > 0
		for i := range 1000 {
			if during && i%4 == 0 {
				began := time.Now()
				loads.Add(1)
				s.adds.add(time.Since(began))
			} else {
				loads.Add(1)
			}
			sizes.Record(float64(i))
		}
		s.bytes.Add(1000)
		s.samples.Add(1000)
	}
}

// observe records one payload, as a worker would send it.
func (s *soak) observe(t *testing.T) {
	var payload stats.Payload
	if err := payload.AddCounter(vllm.LoadBytes.PrometheusName, stats.Int64(1)); err != nil {
		t.Error(err)
	}
	if err := payload.RecordHistogram(vllm.LoadSize.PrometheusName, stats.Int64(1)); err != nil {
		t.Error(err)
	}
	if err := payload.AddCounter(vllm.TieringReadBytes.PrometheusName, stats.Int64(1), load.Tier); err != nil {
		t.Error(err)
	}
	if err := s.service.Recorder.Observe(t.Context(), 1, &payload); err != nil {
		t.Error(err)
	}
	s.payloads.Add(1)
}

// flush pushes what is left. If an index was reused since the last push, the engine
// before is reported in the next push, so several may be needed.
func (s *soak) flush(t *testing.T) {
	t.Helper()
	for range 100 {
		if err := s.service.Pipeline.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.pushedByChurn() == float64(s.churned.Load()) && s.deltas.Sum("vllm.kv_offload.load_bytes", `model_name="churn"`) == float64(s.churned.Load()) {
			return
		}
	}
}

// pushedByChurn returns the pushed bytes of engines that came and went.
func (s *soak) pushedByChurn() float64 {
	return s.receiver.Sum("vllm.kv_offload.load_bytes", `model_name="churn"`)
}

// newChurn returns a function that adds an engine, records to it and removes it. The
// engines share indexes, so most of them replace another one.
func (s *soak) newChurn(t *testing.T) func() {
	index := 0
	return func() {
		index++
		engine, err := s.service.Recorder.AddEngine(100+index%churnIndexes, "churn", otelkv.WithTiers(load.TierType), otelkv.WithPriming())
		if err != nil {
			t.Error(err)
			return
		}
		loads, err := engine.Int64Counter(vllm.LoadBytes)
		if err != nil {
			t.Error(err)
		}
		loads.Add(int64(index))
		engine.Remove()
		s.churned.Add(int64(index))
		s.engines.Add(1)
	}
}

// newAttack returns a function that floods a label with values.
func (s *soak) newAttack(t *testing.T) func() {
	tier := 0
	return func() {
		var payload stats.Payload
		for range attackBatch {
			tier++
			if err := payload.AddCounter(vllm.TieringReadBytes.PrometheusName, stats.Int64(1), fmt.Sprintf("%d:attack", tier)); err != nil {
				t.Error(err)
			}
		}
		if err := s.service.Engines[0].Observe(t.Context(), &payload); err != nil {
			t.Error(err)
		}
		s.attacks.Add(attackBatch)
	}
}

// inUse returns the heap and the number of goroutines in use: the least of several
// readings without scrapes, which is what stays between two pushes.
func (s *soak) inUse() (heap int64, goroutines int) {
	s.pause.Lock()
	defer s.pause.Unlock()
	heap, goroutines = math.MaxInt64, math.MaxInt
	for range 20 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		heap, goroutines = min(heap, int64(m.HeapAlloc)), min(goroutines, runtime.NumGoroutine())
		time.Sleep(100 * time.Millisecond)
	}
	return heap, goroutines
}

func (s *soak) report(t *testing.T, length time.Duration) {
	t.Helper()
	statistics := s.service.Recorder.Statistics()
	t.Logf("in %v: %d bytes and %d samples by %d goroutines, %d payloads (%.0f a second), %d engines came and went, "+
		"%d scrapes, %d pushes, %d label values of a flood, %d folds, %d series at the end",
		length.Round(time.Second), s.bytes.Load(), s.samples.Load(), recorders,
		s.payloads.Load(), float64(s.payloads.Load())/length.Seconds(), s.engines.Load(),
		s.scrapes.Load(), s.receiver.Requests(), s.attacks.Load(), statistics.Folded, statistics.Series)
}

// check tests that every total is exact in each of the three readers.
func (s *soak) check(t *testing.T) {
	t.Helper()
	shown := s.service.Exposed(t)
	tests := []struct {
		name, prometheusName, labels string
		want                         int64
	}{
		{"vllm.kv_offload.load_bytes", "vllm:kv_offload_load_bytes_total", `engine="0"`, s.bytes.Load()},
		{"vllm.kv_offload.load_size", "vllm:kv_offload_load_size_count", `engine="0"`, s.samples.Load()},
		{"vllm.kv_offload.load_bytes", "vllm:kv_offload_load_bytes_total", `engine="1"`, s.payloads.Load()},
		{"vllm.kv_offload.load_size", "vllm:kv_offload_load_size_count", `engine="1"`, s.payloads.Load()},
		{"vllm.kv_offload.size", "vllm:kv_offload_size_count", `engine="1"`, s.payloads.Load()},
		{"vllm.kv_offload.tiering.read_bytes", "vllm:kv_offload_tiering_read_bytes_total", `engine="1"`, s.payloads.Load()},
		{"vllm.kv_offload.tiering.read_bytes", "vllm:kv_offload_tiering_read_bytes_total", `engine="0"`, s.attacks.Load()},
		{"vllm.kv_offload.tiering.read_bytes", "vllm:kv_offload_tiering_read_bytes_total", `model_name="bulk"`, s.bulked.Load()},
	}
	for _, test := range tests {
		if got := s.receiver.Sum(test.name, test.labels); got != float64(test.want) {
			t.Errorf("pushed: %s{%s} is %v, want %d", test.name, test.labels, got, test.want)
		}
		if got := s.deltas.Sum(test.name, test.labels); got != float64(test.want) {
			t.Errorf("deltas: %s{%s} add up to %v, want %d", test.name, test.labels, got, test.want)
		}
		if got := shown.Sum(test.prometheusName, test.labels); got != float64(test.want) {
			t.Errorf("scraped: %s{%s} is %v, want %d", test.prometheusName, test.labels, got, test.want)
		}
	}
	// Scrapes no longer show the removed engines. Pushes reported each of them before.
	if got := s.pushedByChurn(); got != float64(s.churned.Load()) {
		t.Errorf("pushed: the engines that went have %v bytes, want %d", got, s.churned.Load())
	}
	if got := s.deltas.Sum("vllm.kv_offload.load_bytes", `model_name="churn"`); got != float64(s.churned.Load()) {
		t.Errorf("deltas: the engines that went have %v bytes, want %d", got, s.churned.Load())
	}
	// Engines that were just removed are shown once more, and are not counted.
	series := 0
	for key := range shown {
		if strings.HasPrefix(key, "vllm:kv_offload_tiering_read_bytes_total{") && strings.Contains(key, `model_name="m"`) {
			series++
		}
	}
	// The declared tiers and the tier "other" never fold.
	const limit = 1900 // of one definition, the recorder's default
	if most := limit + 3; series > most {
		t.Errorf("%d series of one metric, at most %d are fine", series, most)
	}
	if statistics := s.service.Recorder.Statistics(); s.attacks.Load() > limit && statistics.Folded == 0 {
		t.Error("no label value was folded")
	}
}
