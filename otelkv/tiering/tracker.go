// SPDX-License-Identifier: Apache-2.0

package tiering

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/internal/requests"
	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A Tracker turns the events of tiered offloading into metrics, by the rules of vLLM's
// TieringMetricsTracker. It is safe for concurrent use: workers can finish jobs while a
// scheduler looks chunks up.
//
// A tracker remembers 65,536 requests. Past that it forgets the least recently used one,
// and counts the lookups again that this request repeats.
type Tracker struct {
	outlet
	mu            sync.Mutex // guards what follows
	sink          *sink.Sink
	clock         func() time.Time
	epoch         time.Time
	primaryChunks int64
	chunkSize     int64

	labels             []string
	tiers              []tierSeries
	allocationFailures stats.Adder[int64]

	requests        *requests.Table[request]
	observations    int
	maxObservations int
	spare           []map[lookup]observation
	oversized       uint64 // requests that have more lookups than the bound on their own
	rejected        uint64
}

// tierSeries is what the tracker keeps for one tier. The primary tier has only the series
// of lookups.
type tierSeries struct {
	queries    stats.Adder[int64]
	hits       stats.Adder[int64]
	syncDelay  stats.Recorder[float64]
	asyncDelay stats.Recorder[float64]
	promotions flow
	cascades   flow
	pressure   *detector
}

// State is a snapshot of a tracker's own bookkeeping.
type State struct {
	// Requests is the number of requests that are remembered.
	Requests int
	// Observations is the number of their lookups that are remembered.
	Observations int
	// Evicted is the number of requests that were forgotten, or are no longer observed,
	// because there were too many requests or lookups.
	Evicted uint64
	// Rejected is the number of calls that were ignored, because they named a tier that
	// the tracker does not have or a result that is not valid.
	Rejected uint64
}

// NewTracker returns a tracker for one engine's tiers. The error reports everything that
// is wrong with the configuration or, if that is right, every series that the binder
// refuses. Series other than the gauges appear with their first event.
func NewTracker(config Config, opts ...connector.Option) (*Tracker, error) {
	options := sink.NewConfig(opts)
	labels, err := config.labels()
	if err != nil {
		return nil, err
	}
	t := &Tracker{
		sink:            sink.New(options.Binder),
		clock:           options.Clock,
		epoch:           options.Clock(),
		labels:          labels,
		primaryChunks:   int64(config.PrimaryChunks),
		chunkSize:       config.ChunkSize,
		maxObservations: cmp.Or(config.MaxObservations, defaultMaxObservations),
	}
	t.outlet = outlet{sink.NewOutlet(&t.mu, t.sink, t.recordGauges)}
	t.requests = requests.NewTable(options.MaxRequests, t.forget)
	for i, label := range labels {
		bound := tierSeries{
			queries:    t.sink.Int64Counter(vllm.TieringChunkQueries, label),
			hits:       t.sink.Int64Counter(vllm.TieringChunkHits, label),
			syncDelay:  t.sink.Histogram(vllm.TieringLookupSyncDelay, label),
			asyncDelay: t.sink.Histogram(vllm.TieringLookupAsyncDelay, label),
		}
		if i > 0 {
			t.bindJobs(&bound, label)
		}
		if parameters, ok := config.BackPressure[i]; ok {
			bound.pressure = bindDetector(t.sink, label, parameters, options.Binder != nil)
		}
		t.tiers = append(t.tiers, bound)
	}
	t.allocationFailures = t.sink.Int64Counter(vllm.TieringPromotionAllocationFailures)
	if err := t.sink.Err(); err != nil {
		return nil, err
	}
	t.recordGauges()
	return t, nil
}

func (t *Tracker) bindJobs(tier *tierSeries, label string) {
	tier.promotions = flow{
		bytes:    t.sink.Int64Counter(vllm.TieringReadBytes, label),
		seconds:  t.sink.Float64Counter(vllm.TieringReadTime, label),
		failures: t.sink.Int64Counter(vllm.TieringPromotionJobFailures, label),
		usage:    t.sink.Float64Gauge(vllm.TieringPrimaryWriteUsage, label),
		jobs:     t.sink.Int64Gauge(vllm.TieringActivePromotionJobs, label),
	}
	tier.cascades = flow{
		bytes:    t.sink.Int64Counter(vllm.TieringWriteBytes, label),
		seconds:  t.sink.Float64Counter(vllm.TieringWriteTime, label),
		failures: t.sink.Int64Counter(vllm.TieringCascadeJobFailures, label),
		usage:    t.sink.Float64Gauge(vllm.TieringPrimaryReadUsage, label),
		jobs:     t.sink.Int64Gauge(vllm.TieringActiveCascadeJobs, label),
	}
}

// Tiers returns the labels of the tracker's tiers, the primary first: "0:primary", "1:fs".
// A tier's index is its place in the slice. The slice belongs to the caller.
func (t *Tracker) Tiers() []string { return slices.Clone(t.labels) }

// RecordPromotionAllocationFailure counts a promotion that was refused because the primary
// tier had no room for its chunks.
func (t *Tracker) RecordPromotionAllocationFailure() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.allocationFailures.Add(1)
}

func (t *Tracker) recordGauges() {
	for i := range t.tiers[1:] {
		secondary := &t.tiers[1+i]
		t.recordFlow(&secondary.promotions)
		t.recordFlow(&secondary.cascades)
		secondary.pressure.record()
	}
}

// State returns a snapshot of the tracker's bookkeeping. A service can check with it that
// its requests finish.
func (t *Tracker) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return State{
		Requests:     t.requests.Len(),
		Observations: t.observations,
		Evicted:      t.requests.Evicted() + t.oversized,
		Rejected:     t.rejected,
	}
}

// now returns the time since the tracker was created.
func (t *Tracker) now() time.Duration { return t.clock().Sub(t.epoch) }

// An outlet gives a tracker the methods Take and TakeInto.
type outlet struct{ sink.Outlet }

// Take returns what was recorded since the last call, with the current gauges. It returns
// nil if there is nothing, and always if the tracker has a binder. The payload belongs to
// the caller.
func (o *outlet) Take() *stats.Payload { return o.Outlet.Take() }

// TakeInto is Take into the memory of dst, which belongs to the caller. It reports whether
// there was anything to take.
func (o *outlet) TakeInto(dst *stats.Payload) bool { return o.Outlet.TakeInto(dst) }
