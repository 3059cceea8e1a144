// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"errors"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// DefaultRemovalDelay is how long scrapes, and the instruments of another meter
// provider, show a series after it was removed. It is longer than the usual intervals of
// Prometheus servers and periodic readers.
const DefaultRemovalDelay = 2 * time.Minute

// An ExportOption changes what [Recorder.Producer] or [Recorder.RegisterInstruments]
// exports.
type ExportOption interface {
	applyExport(*exportConfig)
}

type exportOptionFunc func(*exportConfig)

func (f exportOptionFunc) applyExport(c *exportConfig) { f(c) }

type exportConfig struct {
	temporality     sdkmetric.TemporalitySelector
	removalDelay    time.Duration
	prometheusNames bool
	views           []sdkmetric.View
	aggregation     sdkmetric.AggregationSelector

	nativeHistograms bool
}

// newExportConfig returns what the options say. Without [WithRemovalDelay] the
// removal delay is the given one.
func newExportConfig(options []ExportOption, removalDelay time.Duration) exportConfig {
	c := exportConfig{removalDelay: removalDelay}
	for _, o := range options {
		o.applyExport(&c)
	}
	return c
}

// checkInstruments reports options that instruments have no use for.
func (c *exportConfig) checkInstruments() error {
	if c.temporality != nil || c.prometheusNames || len(c.views) > 0 || c.aggregation != nil || c.nativeHistograms {
		return errors.New("otelkv: instruments take the option WithRemovalDelay only: " +
			"their temporality, names and views are those of the meter provider")
	}
	return nil
}

// WithTemporality sets the temporality of a producer. Pass the selector of the reader
// that gets the producer. Without it points are cumulative. The selector is asked about
// counters as observable counters, and about additive gauges as observable up-down
// counters, so sdkmetric.LowMemoryTemporalitySelector gives deltas of histograms only.
func WithTemporality(selector sdkmetric.TemporalitySelector) ExportOption {
	return exportOptionFunc(func(c *exportConfig) { c.temporality = selector })
}

// WithAggregation sets the aggregations of a producer where no view does: those of the
// reader, such as an exporter's. Histograms have the boundaries of their definitions,
// unless the selector gives them exponential buckets or drops them.
//
// Series count in exponential buckets from the time when the first producer asks for
// them. That producer's points start then: they do not have what a series counted
// before, nor what [Engine.HistogramTotal] observes.
//
// It takes the place of an earlier [WithNativeHistograms].
func WithAggregation(selector sdkmetric.AggregationSelector) ExportOption {
	return exportOptionFunc(func(c *exportConfig) { c.aggregation, c.nativeHistograms = selector, false })
}

// WithNativeHistograms makes a Prometheus collector (package exporters/prometheus) show
// histograms as native histograms too, beside their buckets and under the same names.
// Scrapes in the protobuf format have both, so quantiles above the last boundary are
// right. Other formats have the buckets only. A series takes a few kilobytes more. The
// producer returns such a histogram twice, with explicit and with exponential buckets.
func WithNativeHistograms() ExportOption {
	return exportOptionFunc(func(c *exportConfig) { c.nativeHistograms = true })
}

// nativeHistogram is what Prometheus's client libraries do by default, with as many
// buckets as the SDK has.
func nativeHistogram() *sdkmetric.AggregationBase2ExponentialHistogram {
	return &sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: exponentialScale}
}

// WithRemovalDelay sets how long a series is still reported after it was removed.
// Without this option a producer reports it once, which is right for a reader that
// pushes. What several servers read, as a scrape, must report it for longer than their
// intervals.
func WithRemovalDelay(delay time.Duration) ExportOption {
	return exportOptionFunc(func(c *exportConfig) { c.removalDelay = max(0, delay) })
}

// WithPrometheusNames makes a producer give the metrics their Prometheus family
// names and no units, in place of their OpenTelemetry names. A Prometheus server
// or a Collector that takes them over OTLP then shows the exact names, if its
// translation strategy is NoUTF8EscapingWithSuffixes; their default strategy
// changes some of vLLM's names.
func WithPrometheusNames() ExportOption {
	return exportOptionFunc(func(c *exportConfig) { c.prometheusNames = true })
}
