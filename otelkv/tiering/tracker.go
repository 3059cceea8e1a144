package tiering

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/internal/requests"
	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// Config describes the tiers of one engine.
type Config struct {
	// SecondaryTiers are the types of the tiers below the primary, in the order
	// in which they are looked up. The first one has index 1.
	SecondaryTiers []string
	// PrimaryChunks is the number of chunks that the primary tier has room for.
	// With 0 the usage fractions are 0.
	PrimaryChunks int
	// ChunkSize is the size of a chunk in the primary tier, in bytes.
	ChunkSize int64
}

// A Tracker turns the events of tiered offloading into metrics, by the rules of
// vLLM's TieringMetricsTracker. It is safe for concurrent use, so that workers
// can finish jobs while a scheduler looks chunks up.
type Tracker struct {
	clock         func() time.Time
	epoch         time.Time
	primaryChunks int64
	chunkSize     int64

	mu                 sync.Mutex
	sink               *sink.Sink
	tiers              []tier
	allocationFailures stats.Adder[int64]

	requests        *requests.Table[request]
	observations    int
	maxObservations int
	spare           []map[lookup]observation
	oversized       uint64 // requests that alone have more lookups than the bound
	rejected        uint64
}

// tier is what the tracker keeps for one tier. The primary has only the series
// of lookups.
type tier struct {
	Tier
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
	// Evicted is the number of requests that were forgotten, or that are no longer
	// observed, to keep the bounds.
	Evicted uint64
	// Rejected is the number of calls that were ignored because they named a
	// tier that the tracker does not have, or no result.
	Rejected uint64
}

// NewTracker returns a tracker for one engine's tiers. It reports at once all
// that is wrong with the configuration, and then all series that the binder
// refuses. Series other than the gauges do not appear before their first event.
func NewTracker(config Config, opts ...Option) (*Tracker, error) {
	c := trackerConfig{maxRequests: DefaultMaxRequests, maxObservations: DefaultMaxObservations}
	for _, o := range opts {
		o.applyTracker(&c)
	}
	if c.clock == nil {
		c.clock = time.Now
	}
	if err := validate(config, &c); err != nil {
		return nil, err
	}
	t := &Tracker{
		clock:           c.clock,
		epoch:           c.clock(),
		primaryChunks:   int64(config.PrimaryChunks),
		chunkSize:       config.ChunkSize,
		sink:            sink.New(c.binder),
		maxObservations: c.maxObservations,
	}
	t.requests = requests.NewTable(c.maxRequests, t.forget)
	t.tiers = append(t.tiers, t.bindLookups(Primary()))
	for i, tierType := range config.SecondaryTiers {
		t.tiers = append(t.tiers, t.bindSecondary(Tier{Index: i + 1, Type: tierType}))
	}
	for _, b := range c.backPressure {
		t.tiers[b.tier].pressure = bindDetector(t.sink, t.tiers[b.tier].Tier, b.parameters, c.binder != nil)
	}
	t.allocationFailures = t.sink.Int64Counter(vllm.TieringPromotionAllocationFailures)
	if err := t.sink.Err(); err != nil {
		return nil, err
	}
	t.recordGauges()
	return t, nil
}

func validate(config Config, c *trackerConfig) error {
	var errs []error
	for i, tierType := range config.SecondaryTiers {
		errs = append(errs, Tier{Index: i + 1, Type: tierType}.validate())
	}
	for _, field := range []struct {
		name         string
		value, least int64
	}{
		{"PrimaryChunks", int64(config.PrimaryChunks), 0},
		{"ChunkSize", config.ChunkSize, 0},
		{"max requests", int64(c.maxRequests), 1},
		{"max observations", int64(c.maxObservations), 1},
	} {
		if field.value < field.least {
			errs = append(errs, fmt.Errorf("otelkv: tiering: %s is %d, expected at least %d",
				field.name, field.value, field.least))
		}
	}
	for _, b := range c.backPressure {
		if b.tier < 1 || b.tier > len(config.SecondaryTiers) {
			errs = append(errs, fmt.Errorf("otelkv: tiering: back-pressure for tier %d, expected a secondary tier, 1 to %d",
				b.tier, len(config.SecondaryTiers)))
			continue
		}
		errs = append(errs, b.parameters.validate(b.tier))
	}
	return errors.Join(errs...)
}

func (t *Tracker) bindLookups(name Tier) tier {
	label := name.String()
	return tier{
		Tier:       name,
		queries:    t.sink.Int64Counter(vllm.TieringChunkQueries, label),
		hits:       t.sink.Int64Counter(vllm.TieringChunkHits, label),
		syncDelay:  t.sink.Histogram(vllm.TieringLookupSyncDelay, label),
		asyncDelay: t.sink.Histogram(vllm.TieringLookupAsyncDelay, label),
	}
}

func (t *Tracker) bindSecondary(name Tier) tier {
	label := name.String()
	bound := t.bindLookups(name)
	bound.promotions = flow{
		bytes:    t.sink.Int64Counter(vllm.TieringReadBytes, label),
		seconds:  t.sink.Float64Counter(vllm.TieringReadTime, label),
		failures: t.sink.Int64Counter(vllm.TieringPromotionJobFailures, label),
		usage:    t.sink.Float64Gauge(vllm.TieringPrimaryWriteUsage, label),
		jobs:     t.sink.Int64Gauge(vllm.TieringActivePromotionJobs, label),
	}
	bound.cascades = flow{
		bytes:    t.sink.Int64Counter(vllm.TieringWriteBytes, label),
		seconds:  t.sink.Float64Counter(vllm.TieringWriteTime, label),
		failures: t.sink.Int64Counter(vllm.TieringCascadeJobFailures, label),
		usage:    t.sink.Float64Gauge(vllm.TieringPrimaryReadUsage, label),
		jobs:     t.sink.Int64Gauge(vllm.TieringActiveCascadeJobs, label),
	}
	return bound
}

// Tiers returns the tracker's tiers, the primary first. A tier's index is its
// place in the slice, which belongs to the caller.
func (t *Tracker) Tiers() []Tier {
	tiers := make([]Tier, len(t.tiers))
	for i := range t.tiers {
		tiers[i] = t.tiers[i].Tier
	}
	return tiers
}

// RecordPromotionAllocationFailure counts a promotion that was refused because
// the primary tier had no room for its chunks.
func (t *Tracker) RecordPromotionAllocationFailure() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.allocationFailures.Add(1)
}

// Take returns what happened since it was last called, and the gauges of every
// secondary tier as they are now, zeros included. The payload belongs to the
// caller. Take returns nil if there is no secondary tier and nothing happened,
// and always with [WithBinder].
func (t *Tracker) Take() *stats.Payload {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.recordGauges()
	return t.sink.Take()
}

// TakeInto is [Tracker.Take] into the memory of dst, which belongs to the
// caller. It reports whether there was anything to take.
func (t *Tracker) TakeInto(dst *stats.Payload) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.recordGauges()
	return t.sink.TakeInto(dst)
}

func (t *Tracker) recordGauges() {
	for i := range t.tiers[1:] {
		secondary := &t.tiers[1+i]
		t.recordFlow(&secondary.promotions)
		t.recordFlow(&secondary.cascades)
		secondary.pressure.record()
	}
}

// State returns a snapshot of the tracker's bookkeeping, for a service that
// wants to see whether its requests finish.
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

// now returns the time since the tracker was made.
func (t *Tracker) now() time.Duration { return t.clock().Sub(t.epoch) }
