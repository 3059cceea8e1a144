// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// While an engine is added, it already has some of its first series. A producer and
// instruments that are created then must get these too.
func TestReadersCreatedWhileAnEngineIsAdded(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	var recorder *otelkv.Recorder
	var producer *otelkv.Producer
	created := make(chan struct{})
	create := func() {
		defer close(created)
		var err error
		if producer, err = recorder.Producer(otelkv.WithNativeHistograms()); err != nil {
			t.Error(err)
		}
		if _, err := recorder.RegisterInstruments(provider); err != nil {
			t.Error(err)
		}
	}
	calls := 0
	recorder, err := otelkv.New(vllm.TieringSpec(), otelkv.WithTierMedium(func(string) string {
		if calls++; calls == 12 {
			go create()
			select {
			case <-created:
			case <-time.After(50 * time.Millisecond): // they wait for this series
			}
		}
		return ""
	}))
	if err != nil {
		t.Fatal(err)
	}
	e, err := recorder.AddEngine(0, "m", otelkv.WithTiers("fs", "obj", "p2p"), otelkv.WithPriming())
	if err != nil {
		t.Fatal(err)
	}
	<-created
	if got := len(producer.Collect(t.Context())); got != 1 {
		t.Errorf("the producer has %d scopes, want 1", got)
	}
	queries, err := e.Int64Counter(vllm.TieringChunkQueries, "1:fs")
	if err != nil {
		t.Fatal(err)
	}
	queries.Add(1)
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name == vllm.TieringChunkQueries.Name {
				return
			}
		}
	}
	t.Errorf("the instruments lack %s", vllm.TieringChunkQueries.Name)
}

func TestDefinitionsDuringACollection(t *testing.T) {
	recorder, err := otelkv.New(vllm.TieringSpec())
	if err != nil {
		t.Fatal(err)
	}
	producer, err := recorder.Producer()
	if err != nil {
		t.Fatal(err)
	}
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		if _, err := producer.Produce(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	for d := range producer.Definitions() {
		clear(d.Boundaries) // they are the caller's
	}
	<-collected
	for d := range producer.Definitions() {
		if len(d.Boundaries) > 0 && d.Boundaries[len(d.Boundaries)-1] == 0 {
			t.Errorf("%s: the boundaries changed", d.Name)
		}
	}
}
