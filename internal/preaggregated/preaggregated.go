// Package preaggregated is where a recorder and a pipeline meet.
//
// A recorder keeps the state of every series itself. On a provider that offers
// [Provider], it hands that state over already aggregated, once for each reader
// of the pipeline, instead of measuring through OpenTelemetry instruments. The
// package knows the OpenTelemetry API but not its SDK, so that the recorder does
// not depend on the SDK and the exporters do not depend on the recorder.
package preaggregated

import (
	"errors"
	"iter"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelkv/otelkv-go/schema"
)

// A Provider is a metric.MeterProvider that takes aggregated metrics.
type Provider interface {
	// AddSource makes every reader of the provider collect from source until the
	// returned function is called, which may happen more than once. Both are safe
	// for concurrent use. The error names every metric that another source defines
	// differently, or is [ErrInstruments].
	AddSource(scope Scope, source Source) (remove func(), err error)
}

// ErrInstruments says that a provider wants instruments after all, because one of
// its readers has histograms aggregated in a way of its own.
var ErrInstruments = errors.New("the provider's readers want instruments")

// A FailureCounter is a Provider that counts the exports that failed.
type FailureCounter interface {
	// ExportFailures returns how many exports failed since the provider was made,
	// over all of its exporters.
	ExportFailures() int64
}

// A Scope names the instrumentation that metrics come from.
type Scope struct {
	Name    string
	Version string
}

// A Source gives each reader of a pipeline a view of its own.
type Source interface {
	// Definitions yields what the source's metrics are, which does not change.
	Definitions() iter.Seq[schema.Definition]
	// NewReader returns the view of one more reader.
	NewReader(wants Deltas) Reader
}

// Deltas says of which kinds a reader wants what came since its last collection
// instead of totals.
type Deltas struct {
	Counters   bool
	Histograms bool
}

// A Reader collects for one reader of the pipeline. Its method is called by one
// goroutine at a time.
type Reader interface {
	// Collect returns the metrics that have points, and when they were read, after
	// which none of them starts. It is where the reader's next deltas start. The
	// metrics and their points are valid until the next call, which uses their
	// memory again; a distribution's counts belong to the caller.
	Collect() (metrics []Metric, at time.Time)
}

// A Metric is one metric's points. One of its slices is set, by kind and number.
type Metric struct {
	Definition    *schema.Definition
	Int64Points   []Point[int64]
	Float64Points []Point[float64]
	Distributions []Distribution
}

// A Point is one series of a counter or gauge. Start is when its count began, in
// Unix nanoseconds: for delta the end of the interval before.
type Point[N int64 | float64] struct {
	Attributes attribute.Set
	Start      int64
	Value      N
}

// A Distribution is one series of a histogram. Counts has one more element than
// the definition has boundaries. Sum may already hold samples that Counts does
// not. Min is greater than Max where neither is known.
type Distribution struct {
	Attributes attribute.Set
	Start      int64
	Counts     []uint64
	Sum        float64
	Min, Max   float64
}
