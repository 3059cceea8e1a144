// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/bits"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// deltas is an exporter that adds up deltas. For histograms it counts samples.
type deltas struct {
	mu     sync.Mutex
	totals map[string]float64 // by the metric's name, the model and the engine
}

func newDeltas() *deltas { return &deltas{totals: make(map[string]float64)} }

func (*deltas) Temporality(kind sdkmetric.InstrumentKind) metricdata.Temporality {
	return sdkmetric.DeltaTemporalitySelector(kind)
}

func (*deltas) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(kind)
}

func (d *deltas) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					d.add(m.Name, p.Attributes, float64(p.Value))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					d.add(m.Name, p.Attributes, float64(p.Count))
				}
			}
		}
	}
	return nil
}

func (d *deltas) add(name string, attributes attribute.Set, n float64) {
	if n == 0 {
		return
	}
	model, _ := attributes.Value("model_name")
	engine, _ := attributes.Value("engine")
	d.totals[fmt.Sprintf("%s{engine=%q,model_name=%q}", name, engine.AsString(), model.AsString())] += n
}

func (*deltas) ForceFlush(context.Context) error { return nil }
func (*deltas) Shutdown(context.Context) error   { return nil }

// Sum adds up the totals of a metric with the label.
func (d *deltas) Sum(name, label string) float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	var sum float64
	for key, n := range d.totals {
		if strings.HasPrefix(key, name+"{") && strings.Contains(key, label) {
			sum += n
		}
	}
	return sum
}

// latencies is a histogram of durations with sixteen buckets for each power of two.
type latencies struct{ classes [64 * 16]atomic.Int64 }

func (l *latencies) add(d time.Duration) {
	n := uint64(max(16, d)) //nolint:gosec // Not negative.
	shift := bits.Len64(n) - 5
	l.classes[shift<<4+int(n>>shift)&15].Add(1)
}

// quantile returns an upper bound of the quantile, at most six per cent above it.
func (l *latencies) quantile(q float64) time.Duration {
	var all, sum int64
	for i := range l.classes {
		all += l.classes[i].Load()
	}
	for i := range l.classes {
		if sum += l.classes[i].Load(); sum > 0 && float64(sum) >= q*float64(all) {
			return time.Duration((16 + int64(i&15) + 1) << (i >> 4))
		}
	}
	return 0
}

func (l *latencies) String() string {
	var all int64
	for i := range l.classes {
		all += l.classes[i].Load()
	}
	return fmt.Sprintf("%d, median %v, p99 %v, p99.9 %v, p99.99 %v, greatest %v (each with a look at the clock)",
		all, l.quantile(0.5), l.quantile(0.99), l.quantile(0.999), l.quantile(0.9999), l.quantile(1))
}

// cyclesPerSecond is a line of the mutex profile.
var cyclesPerSecond = regexp.MustCompile(`cycles/second=(\d+)`)

// checkContention reports which functions made others wait for locks, and tests that on
// average less than one goroutine waited. Adding and removing series waits for a
// collection. Additions never wait and make nothing wait.
func (s *soak) checkContention(t *testing.T, elapsed time.Duration) {
	t.Helper()
	var text bytes.Buffer
	if err := pprof.Lookup("mutex").WriteTo(&text, 1); err != nil {
		t.Fatal(err)
	}
	perSecond, err := strconv.ParseFloat(string(cyclesPerSecond.FindSubmatch(text.Bytes())[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	records := make([]runtime.BlockProfileRecord, 10_000)
	n, _ := runtime.MutexProfile(records)
	waits := make(map[string]float64) // in seconds, by the first of our functions
	var all float64
	for _, record := range records[:min(n, len(records))] {
		seconds := float64(record.Cycles) / perSecond
		name := waiter(record.Stack())
		waits[name] += seconds
		if name == "" {
			continue
		}
		all += seconds
		if strings.HasSuffix(name, ".Add") || strings.HasSuffix(name, ".Record") {
			t.Errorf("%s made others wait for a lock, for %.6f s", name, seconds)
		}
	}
	delete(waits, "")
	most := slices.SortedFunc(maps.Keys(waits), func(a, b string) int { return cmp.Compare(waits[b], waits[a]) })
	var lines strings.Builder
	for _, name := range most[:min(5, len(most))] {
		fmt.Fprintf(&lines, "\n%10.6f s %s", waits[name], name)
	}
	t.Logf("in %v, locks of otelkv were waited for %.6f s in all:%s", elapsed.Round(time.Second), all, &lines)
	if all > elapsed.Seconds() {
		t.Errorf("locks were waited for %.1f s", all)
	}
}

// waiter returns the innermost function of otelkv in a stack, or nothing.
func waiter(stack []uintptr) string {
	frames := runtime.CallersFrames(stack)
	for {
		frame, more := frames.Next()
		if name, ours := strings.CutPrefix(frame.Function, "github.com/otelkv/otelkv-go/"); ours && !strings.HasPrefix(name, "internal/e2e") {
			return name
		}
		if !more {
			return ""
		}
	}
}
