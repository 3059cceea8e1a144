// SPDX-License-Identifier: Apache-2.0

// Package load runs a service that records known amounts.
package load

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// The secondary tier of the engines: its type and its label.
const (
	TierType = "fs"
	Tier     = "1:fs"
)

// A Service is a pipeline and a recorder with two primed engines.
type Service struct {
	Pipeline *exporters.Pipeline
	Recorder *otelkv.Recorder
	Engines  []*otelkv.Engine

	catalogue *schema.Catalogue
}

// NewService starts a service with a name. It ends with the test.
func NewService(t testing.TB, catalogue *schema.Catalogue, name string, options ...exporters.Option) *Service {
	t.Helper()
	recorder, err := otelkv.New(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{Recorder: recorder, catalogue: catalogue}
	for index := range 2 {
		engine, err := recorder.AddEngine(index, "m", otelkv.WithTiers(TierType), otelkv.WithPriming())
		if err != nil {
			t.Fatal(err)
		}
		s.Engines = append(s.Engines, engine)
	}
	named := exporters.WithProviderOptions(sdkmetric.WithResource(resource.NewSchemaless(
		attribute.String("service.name", name), attribute.String("service.instance.id", name+"-0"))))
	s.Pipeline, err = exporters.Start(t.Context(), recorder, append(options, named)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		// The test that caused an error of the last export checks for it.
		_ = s.Pipeline.Shutdown(ctx)
	})
	return s
}

// Measure records with every metric of the catalogue that a payload can have, on every
// engine. The same round records the same amounts.
func (s *Service) Measure(t testing.TB, round int) {
	t.Helper()
	for index, engine := range s.Engines {
		if err := engine.Observe(t.Context(), Payload(t, s.catalogue, round+index)); err != nil {
			t.Fatal(err)
		}
	}
}

// Flush exports now. It first waits for the next millisecond: Prometheus refuses another
// value for the same one.
func (s *Service) Flush(t testing.TB) {
	t.Helper()
	time.Sleep(time.Millisecond)
	if err := s.Pipeline.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Exposed returns what a scrape of the service shows.
func (s *Service) Exposed(t testing.TB) exposition.Samples {
	t.Helper()
	answer := httptest.NewRecorder()
	s.Pipeline.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return exposition.Flatten(t, exposition.Families(t, answer.Body))
}

// Payload returns a payload with every metric of the catalogue that a payload can have.
// The sums of its numbers are exact.
func Payload(t testing.TB, catalogue *schema.Catalogue, round int) *stats.Payload {
	t.Helper()
	p := new(stats.Payload)
	number := int64(0)
	for d := range catalogue.All() {
		number++
		if d.Mirrors != nil {
			continue
		}
		if d.FromInfo {
			info := make(map[string]string)
			for _, label := range d.LabelNames {
				info[label] = "of " + label
			}
			p.SetInfo(info)
			continue
		}
		if err := measure(p, d, number*100+int64(round)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func measure(p *stats.Payload, d schema.Definition, number int64) error {
	var labelValues []string
	for _, label := range d.LabelNames {
		value := Tier
		if label != schema.LabelTier {
			value = "some " + label
		}
		labelValues = append(labelValues, value)
	}
	value := stats.Int64(number)
	if d.Number() == schema.NumberKindFloat64 {
		value = stats.Float64(float64(number) / 4)
	}
	switch d.Kind() {
	case schema.KindCounter:
		return p.AddCounter(d.PrometheusName, value, labelValues...)
	case schema.KindGauge:
		return p.RecordGauge(d.PrometheusName, value, labelValues...)
	}
	// One sample in the first bucket, one above the last boundary.
	for _, sample := range []float64{0, 2 * d.Boundaries[len(d.Boundaries)-1]} {
		if err := p.RecordHistogram(d.PrometheusName, stats.Float64(sample), labelValues...); err != nil {
			return err
		}
	}
	return nil
}

// ServeNativeHistograms serves scrapes of the service's recorder with native histograms
// beside the buckets, until the test ends.
func (s *Service) ServeNativeHistograms(t testing.TB) *httptest.Server {
	t.Helper()
	collector, err := prometheus.NewCollector(s.Recorder, otelkv.WithNativeHistograms())
	if err != nil {
		t.Fatal(err)
	}
	handler, err := prometheus.NewHandler([]*prometheus.Collector{collector})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}
