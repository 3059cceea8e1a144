package tiering

import (
	"time"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// Defaults of the options of a [Tracker].
const (
	// DefaultMaxRequests is the number of requests that a tracker remembers.
	DefaultMaxRequests = 16_384
	// DefaultMaxObservations is the number of lookups, over all requests, that a
	// tracker remembers; each takes about 64 bytes.
	DefaultMaxObservations = 1 << 20
)

// An Option configures a [Tracker].
type Option interface {
	applyTracker(*trackerConfig)
}

// A PoolOption configures a [CPUPool].
type PoolOption interface {
	applyPool(*poolConfig)
}

type trackerConfig struct {
	binder          stats.Binder
	clock           func() time.Time
	maxRequests     int
	maxObservations int
	backPressure    []tierBackPressure
}

type tierBackPressure struct {
	tier       int
	parameters BackPressure
}

type trackerOption func(*trackerConfig)

func (o trackerOption) applyTracker(c *trackerConfig) { o(c) }

type poolConfig struct {
	binder         stats.Binder
	storeThreshold int
}

type poolOption func(*poolConfig)

func (o poolOption) applyPool(c *poolConfig) { o(c) }

// A BinderOption is both an [Option] and a [PoolOption].
type BinderOption struct{ binder stats.Binder }

func (o BinderOption) applyTracker(c *trackerConfig) { c.binder = o.binder }
func (o BinderOption) applyPool(c *poolConfig)       { c.binder = o.binder }

// WithBinder records straight to the series of an engine, which the recorder's
// Engine.Binder gives, or of anything else that binds them, instead of filling
// payloads: Take then returns nil, and gauges are recorded when they change. The
// binder's series must be safe for concurrent use if they are shared with others.
// A nil binder is as if the option had not been given.
func WithBinder(binder stats.Binder) BinderOption { return BinderOption{binder: binder} }

// WithClock replaces [time.Now]. Delays are differences of its readings; one
// that would be negative, because the clock went backwards, is taken as zero.
func WithClock(now func() time.Time) Option {
	return trackerOption(func(c *trackerConfig) { c.clock = now })
}

// WithMaxRequests bounds the requests that are remembered; see
// [DefaultMaxRequests]. Past it the least recently used request is evicted, and
// if that was still in flight, lookups that it repeats count again.
func WithMaxRequests(n int) Option {
	return trackerOption(func(c *trackerConfig) { c.maxRequests = n })
}

// WithMaxObservations bounds the lookups that are remembered over all requests;
// see [DefaultMaxObservations]. Past it the least recently used requests are
// evicted as for [WithMaxRequests]. A request that has more on its own is
// observed up to the bound, and counts as evicted.
func WithMaxObservations(n int) Option {
	return trackerOption(func(c *trackerConfig) { c.maxObservations = n })
}

// WithBackPressure gives a secondary tier, by its index, a back-pressure
// detector; see [Tracker.AdmitStore]. [DefaultBackPressure] returns vLLM's
// parameters for a type of tier. Given twice for a tier, the last one counts.
func WithBackPressure(tier int, parameters BackPressure) Option {
	return trackerOption(func(c *trackerConfig) {
		c.backPressure = append(c.backPressure, tierBackPressure{tier, parameters})
	})
}

// WithStoreThreshold is the number of times that a chunk must be asked for
// before it is stored. From 2 on, skipped stores are counted; below, which is
// the default, nothing is ever skipped and the metric is not declared.
func WithStoreThreshold(n int) PoolOption {
	return poolOption(func(c *poolConfig) { c.storeThreshold = n })
}
