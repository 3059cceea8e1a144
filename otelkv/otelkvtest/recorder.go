// SPDX-License-Identifier: Apache-2.0

package otelkvtest

import (
	"context"
	"errors"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// A Recorder is a recorder whose metrics stay in memory. Two readers collect
// from it, one that wants totals and one that wants deltas.
type Recorder struct {
	*otelkv.Recorder

	t          testing.TB
	cumulative sdkmetric.Reader
	delta      sdkmetric.Reader
}

// An Option changes what [NewRecorder] returns.
type Option interface {
	apply(*config)
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	recorder    []otelkv.Option
	instruments bool
	export      []otelkv.ExportOption
}

// WithRecorderOptions passes options to the recorder.
func WithRecorderOptions(options ...otelkv.Option) Option {
	return optionFunc(func(c *config) { c.recorder = append(c.recorder, options...) })
}

// WithInstruments makes the recorder's metrics instruments of a MeterProvider of the
// SDK ([otelkv.Recorder.RegisterInstruments]) with the given options, instead of giving
// each reader a producer.
func WithInstruments(options ...otelkv.ExportOption) Option {
	return optionFunc(func(c *config) { c.instruments, c.export = true, options })
}

// NewRecorder returns a recorder of the catalogue's metrics. It ends with the
// test. Errors fail the test.
func NewRecorder(t testing.TB, catalogue *schema.Catalogue, options ...Option) *Recorder {
	t.Helper()
	var c config
	for _, o := range options {
		o.apply(&c)
	}
	recorder, err := otelkv.New(catalogue, c.recorder...)
	if err != nil {
		t.Fatal(err)
	}
	r := &Recorder{Recorder: recorder, t: t}
	r.cumulative = r.newReader(c, sdkmetric.CumulativeTemporalitySelector)
	r.delta = r.newReader(c, deltas)
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.cumulative), sdkmetric.WithReader(r.delta))
	if c.instruments {
		if _, err := recorder.RegisterInstruments(provider, c.export...); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		err := recorder.Close()
		if err := errors.Join(err, provider.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *Recorder) newReader(c config, temporality sdkmetric.TemporalitySelector) sdkmetric.Reader {
	options := []sdkmetric.ManualReaderOption{sdkmetric.WithTemporalitySelector(temporality)}
	if !c.instruments {
		producer, err := r.Producer(otelkv.WithSelectors(temporality, nil))
		if err != nil {
			r.t.Fatal(err)
		}
		options = append(options, sdkmetric.WithProducer(producer))
	}
	return sdkmetric.NewManualReader(options...)
}

func deltas(sdkmetric.InstrumentKind) metricdata.Temporality { return metricdata.DeltaTemporality }

// Collect returns what an exporter of totals would export now, such as that of
// Prometheus.
func (r *Recorder) Collect() *Metrics {
	r.t.Helper()
	return r.collect(r.cumulative)
}

// CollectDelta returns what an exporter of deltas would export now: what came
// since the last CollectDelta.
func (r *Recorder) CollectDelta() *Metrics {
	r.t.Helper()
	return r.collect(r.delta)
}

func (r *Recorder) collect(reader sdkmetric.Reader) *Metrics {
	r.t.Helper()
	m := &Metrics{t: r.t}
	if err := reader.Collect(r.t.Context(), &m.ResourceMetrics); err != nil {
		r.t.Fatal(err)
	}
	return m
}
