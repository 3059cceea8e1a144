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

// A Recorder is a recorder whose metrics stay in memory. Two readers collect from it, a
// cumulative one and one of deltas.
type Recorder struct {
	*otelkv.Recorder

	t          testing.TB
	cumulative sdkmetric.Reader
	delta      sdkmetric.Reader
}

// NewRecorder returns a recorder of the catalogue's metrics. It closes when the test ends.
// Errors fail the test.
func NewRecorder(t testing.TB, catalogue *schema.Catalogue, options ...otelkv.Option) *Recorder {
	t.Helper()
	recorder, err := otelkv.New(catalogue, options...)
	if err != nil {
		t.Fatal(err)
	}
	r := &Recorder{Recorder: recorder, t: t}
	reader := func(temporality sdkmetric.TemporalitySelector) sdkmetric.Reader {
		producer, err := recorder.Producer(otelkv.WithSelectors(temporality, nil))
		if err != nil {
			t.Fatal(err)
		}
		return sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(temporality), sdkmetric.WithProducer(producer))
	}
	r.collectBy(reader(sdkmetric.CumulativeTemporalitySelector), reader(deltas))
	return r
}

// Instruments returns a recorder whose metrics are instruments of a MeterProvider of the
// SDK ([otelkv.Recorder.RegisterInstruments]). The recorder closes when the test ends.
// Errors fail the test.
func Instruments(t testing.TB, recorder *otelkv.Recorder, options ...otelkv.ExportOption) *Recorder {
	t.Helper()
	r := &Recorder{Recorder: recorder, t: t}
	provider := r.collectBy(sdkmetric.NewManualReader(), sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(deltas)))
	if _, err := recorder.RegisterInstruments(provider, options...); err != nil {
		t.Fatal(err)
	}
	return r
}

// collectBy makes a provider for the readers. Recorder and provider end with the test.
func (r *Recorder) collectBy(cumulative, delta sdkmetric.Reader) *sdkmetric.MeterProvider {
	r.cumulative, r.delta = cumulative, delta
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(cumulative), sdkmetric.WithReader(delta))
	r.t.Cleanup(func() {
		err := r.Close()
		if err := errors.Join(err, provider.Shutdown(context.Background())); err != nil {
			r.t.Error(err)
		}
	})
	return provider
}

func deltas(sdkmetric.InstrumentKind) metricdata.Temporality { return metricdata.DeltaTemporality }

// Collect returns what a cumulative exporter would export now, such as Prometheus's.
func (r *Recorder) Collect() *Metrics {
	r.t.Helper()
	return r.collect(r.cumulative)
}

// CollectDelta returns what an exporter of deltas would export now: the changes since the
// last CollectDelta.
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
