// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"errors"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestSourcesShareAnIndex holds which engines may have the same index, and that the
// series of those that may are apart.
func TestSourcesShareAnIndex(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec(), otelkv.WithLabelNames(otelkv.LabelNames{Source: "host"}))
	var engines []*otelkv.Engine
	for i, c := range []struct {
		model   string
		options []otelkv.EngineOption
		err     error
	}{
		{"m", []otelkv.EngineOption{otelkv.WithSource("a")}, nil},
		{"m", []otelkv.EngineOption{otelkv.WithSource("b")}, nil},
		{"n", []otelkv.EngineOption{otelkv.WithSource("a")}, nil},
		{"m", []otelkv.EngineOption{otelkv.WithSource("a")}, otelkv.ErrEngineExists},
		{"m", []otelkv.EngineOption{otelkv.WithSource("\xff")}, otelkv.ErrLabelValues},
		{"m", nil, nil},
		{"n", nil, otelkv.ErrEngineExists},
		{"m", []otelkv.EngineOption{otelkv.WithSource("")}, otelkv.ErrEngineExists},
	} {
		engine, err := recorder.AddEngine(0, c.model, c.options...)
		if !errors.Is(err, c.err) {
			t.Errorf("engine %d: got %v, want %v", i, err, c.err)
		}
		if engine != nil {
			engines = append(engines, engine)
		}
	}
	for i, engine := range engines {
		p := new(stats.Payload)
		if err := p.AddCounter(vllm.LoadBytes.PrometheusName, stats.Int64(int64(i+1))); err != nil {
			t.Fatal(err)
		}
		if err := engine.Observe(t.Context(), p); err != nil {
			t.Error(err)
		}
	}
	got := recorder.Collect()
	for i, labels := range []otelkvtest.Labels{
		{"model_name": "m", "engine": "0", "host": "a"},
		{"model_name": "m", "engine": "0", "host": "b"},
		{"model_name": "n", "engine": "0", "host": "a"},
		{"model_name": "m", "engine": "0", "host": ""},
	} {
		if v := got.Value(vllm.LoadBytes, labels); v != float64(i+1) {
			t.Errorf("%v has %v, want %d", labels, v, i+1)
		}
	}
	if e, err := recorder.Engine(0); err != nil || e != engines[3] {
		t.Errorf("Engine finds %p, %v: want the one without a source", e, err)
	}
	engines[0].Remove()
	if _, err := recorder.AddEngine(0, "m", otelkv.WithSource("a")); err != nil {
		t.Errorf("after Remove: %v", err)
	}
}

// TestSelf holds that a program's own metrics are bound and emitted without the
// labels of an engine.
func TestSelf(t *testing.T) {
	if recorder := otelkvtest.NewRecorder(t, vllm.CPUSpec(0)); recorder.Self() != nil {
		t.Error("a recorder without self-metrics has a scope for them")
	}
	restarts := schema.Int64Counter{
		Name: "program.restarts", PrometheusName: "program_restarts", Unit: "{restart}", Description: "Restarts.",
	}
	own := schema.MustCatalogue(restarts)
	recorder := otelkvtest.NewRecorder(t, vllm.CPUSpec(0), otelkv.WithSelfMetrics(own))
	counter, err := recorder.Self().Int64Counter(restarts)
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(3)
	points := recorder.Collect().Select(restarts, nil)
	if len(points) != 1 || points[0].Value != 3 || points[0].Attributes.Len() != 0 {
		t.Errorf("got %+v, want 3 without labels", points)
	}
}
