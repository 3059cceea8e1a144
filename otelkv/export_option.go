// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"errors"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// instrumentRemovalDelay is how long the instruments of another meter provider show a
// removed series. It is longer than the usual intervals of periodic readers.
const instrumentRemovalDelay = 2 * time.Minute

// An ExportOption changes what [Recorder.Producer] or [Recorder.RegisterInstruments]
// exports.
type ExportOption func(*exportConfig)

type exportConfig struct {
	temporality     sdkmetric.TemporalitySelector
	removalDelay    time.Duration
	prometheusNames bool
	views           []sdkmetric.View
	aggregation     sdkmetric.AggregationSelector

	nativeHistograms bool
}

// newExportConfig returns what the options say. The argument is the removal delay without
// [WithRemovalDelay].
func newExportConfig(options []ExportOption, removalDelay time.Duration) exportConfig {
	c := exportConfig{removalDelay: removalDelay}
	for _, o := range options {
		o(&c)
	}
	return c
}

// checkInstruments reports options that have no effect on instruments.
func (c *exportConfig) checkInstruments() error {
	if c.temporality != nil || c.prometheusNames || len(c.views) > 0 || c.aggregation != nil || c.nativeHistograms {
		return errors.New("otelkv: instruments take the option WithRemovalDelay only: " +
			"their temporality, names and views are those of the meter provider")
	}
	return nil
}

// WithSelectors gives a producer the selectors of its reader, which are usually the methods
// Temporality and Aggregation of the reader's exporter. A nil selector changes nothing.
//
// The temporality is cumulative by default. To the selectors, counters are observable
// counters, and additive gauges are observable up-down counters. With
// sdkmetric.LowMemoryTemporalitySelector only histograms are deltas.
//
// The aggregation is that of the metrics that match no view. Histograms have the
// boundaries of their definitions, unless the selector gives them exponential buckets or
// drops them. Series count in exponential buckets once a producer has asked for it. The
// points of that producer start then: they leave out what a series counted before, and
// what [Engine.HistogramTotal] observes. An aggregation takes the place of an earlier
// [WithNativeHistograms].
func WithSelectors(temporality sdkmetric.TemporalitySelector, aggregation sdkmetric.AggregationSelector) ExportOption {
	return func(c *exportConfig) {
		if temporality != nil {
			c.temporality = temporality
		}
		if aggregation != nil {
			c.aggregation, c.nativeHistograms = aggregation, false
		}
	}
}

// WithNativeHistograms makes a Prometheus collector (package exporters/prometheus) show
// each histogram as a native histogram too, under the same name as its buckets. Scrapes in
// the protobuf format have both, so quantiles above the last boundary are right. Other
// formats have the buckets only. A series takes a few kilobytes more. The producer returns
// such a histogram twice: with explicit and with exponential buckets.
func WithNativeHistograms() ExportOption {
	return func(c *exportConfig) { c.nativeHistograms = true }
}

// WithRemovalDelay sets how long a series is reported after it was removed. Without this
// option a producer reports it once, which is right for a reader that pushes. If several
// servers scrape, the delay must be longer than their intervals, so that each sees the
// last value. A Prometheus collector and instruments have a delay of two minutes by
// default.
func WithRemovalDelay(delay time.Duration) ExportOption {
	return func(c *exportConfig) { c.removalDelay = max(0, delay) }
}

// WithPrometheusNames makes a producer give the metrics their Prometheus names and no
// units, in place of their OpenTelemetry names. A Prometheus server or a Collector that
// receives them over OTLP then shows the exact names, if its translation strategy is
// NoUTF8EscapingWithSuffixes. The default strategy changes some of vLLM's names.
func WithPrometheusNames() ExportOption {
	return func(c *exportConfig) { c.prometheusNames = true }
}
