// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelkv/otelkv-go/internal/selfmetrics"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func TestSelfMetrics(t *testing.T) {
	inFakeTime(t, schema.MustCatalogue(vllm.LoadBytes, vllm.TieringReadBytes), func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		addEngine(t, recorder, 1)
		if recorder.Collect().Has(selfmetrics.PayloadAge, nil) {
			t.Error("an engine without payloads has an age")
		}
		p := new(stats.Payload)
		if err := errors.Join(
			p.AddCounter("unknown", stats.Int64(1)),
			p.AddCounter("vllm:kv_offload_load_bytes", stats.Float64(0.5)),
			p.AddCounter("vllm:kv_offload_tiering_read_bytes", stats.Int64(1), "a"),
			p.AddCounter("vllm:kv_offload_tiering_read_bytes", stats.Int64(1), "b"),
		); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := engine.Observe(t.Context(), p); err == nil {
				t.Fatal("observed bad entries without an error")
			}
		}
		if err := recorder.Observe(t.Context(), 7, p); err == nil {
			t.Fatal("observed for an engine that is unknown")
		}
		must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes)).Add(-1)
		time.Sleep(3 * time.Second)
		got := recorder.Collect()
		for _, want := range []struct {
			metric schema.Metric
			labels otelkvtest.Labels
			value  float64
		}{
			{selfmetrics.Payloads, nil, 2},
			{selfmetrics.PayloadAge, engineLabels("0"), 3},
			{selfmetrics.RejectedEntries, otelkvtest.Labels{"reason": "unknown_metric"}, 2},
			{selfmetrics.RejectedEntries, otelkvtest.Labels{"reason": "number"}, 2},
			{selfmetrics.RejectedEntries, otelkvtest.Labels{"reason": "unknown_engine"}, 1},
			{selfmetrics.RejectedEntries, otelkvtest.Labels{"reason": "mirror"}, 0},
			{selfmetrics.RefusedNumbers, nil, 1},
			{selfmetrics.Series, nil, 3},
			{selfmetrics.Folds, nil, 2},
		} {
			if v := got.Value(want.metric, want.labels); v != want.value {
				t.Errorf("%s%v = %v, want %v", want.metric.Definition().Name, want.labels, v, want.value)
			}
		}
		if got.Has(selfmetrics.PayloadAge, engineLabels("1")) {
			t.Error("the engine without payloads has an age")
		}
		if !got.Has(selfmetrics.Payloads, otelkvtest.Labels{"replica": "r"}) {
			t.Error("the constant label is missing")
		}
		engine.Remove()
		recorder.Collect()
		time.Sleep(2 * removalDelay)
		if recorder.Collect().Has(selfmetrics.PayloadAge, engineLabels("0")) {
			t.Error("a removed engine has an age")
		}
	}, otelkv.WithSelfMetrics(), otelkv.WithSeriesLimits(1, 0), otelkv.WithConstantLabels(attribute.String("replica", "r")))
}

func TestAPayloadOfAConnectorIsOneOfItsEngine(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.CPUSpec(0),
		otelkv.WithSelfMetrics(), otelkv.WithLabelNames(otelkv.LabelNames{Connector: "connector"}))
	if err := addEngine(t, recorder, 0).Connector("A").Observe(t.Context(), new(stats.Payload)); err != nil {
		t.Fatal(err)
	}
	if !recorder.Collect().Has(selfmetrics.PayloadAge, engineLabels("0")) {
		t.Error("the engine has no age")
	}
}

func TestSelfMetricsAreOffUnlessAskedFor(t *testing.T) {
	byProducerAndInstruments(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		addEngine(t, recorder, 0)
		for _, name := range recorder.Collect().Names() {
			if strings.HasPrefix(name, "otelkv") {
				t.Errorf("%s is there", name)
			}
		}
	})
}

func TestSelfMetricsEndWithTheRecorder(t *testing.T) {
	inFakeTime(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		if err := recorder.Close(); err != nil {
			t.Fatal(err)
		}
		recorder.Collect()
		time.Sleep(2 * removalDelay)
		if names := recorder.Collect().Names(); len(names) > 0 {
			t.Errorf("a closed recorder shows %v", names)
		}
	}, otelkv.WithSelfMetrics())
}

func TestSelfMetricsMustNotBeDefinedTwice(t *testing.T) {
	catalogue, err := vllm.TieringSpec().Merge(selfmetrics.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := otelkv.New(catalogue, otelkv.WithSelfMetrics()); err == nil || !strings.Contains(err.Error(), "otelkv_payloads") {
		t.Errorf("got %v, want an error that names the metric", err)
	}
}

func TestExportFailures(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec(), otelkv.WithSelfMetrics())
	for range 3 {
		recorder.CountExportFailure()
	}
	if got := recorder.Collect().Value(selfmetrics.ExportFailures, nil); got != 3 {
		t.Errorf("%s is %v, want 3", selfmetrics.ExportFailures.Name, got)
	}
}
