// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema"
)

// byProducerAndInstruments runs a test on readers with producers, and on instruments of
// an SDK provider.
func byProducerAndInstruments(t *testing.T, catalogue *schema.Catalogue, test func(*testing.T, *otelkvtest.Recorder), options ...otelkv.Option) {
	t.Helper()
	for name, newRecorder := range recorders() {
		t.Run(name, func(t *testing.T) {
			test(t, newRecorder(t, catalogue, options...))
		})
	}
}

// inFakeTime is byProducerAndInstruments in a bubble of package synctest.
func inFakeTime(t *testing.T, catalogue *schema.Catalogue, test func(*testing.T, *otelkvtest.Recorder), options ...otelkv.Option) {
	t.Helper()
	for name, newRecorder := range recorders() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test(t, newRecorder(t, catalogue, options...))
			})
		})
	}
}

// newRecorder makes a recorder that ends with the test.
type newRecorder func(testing.TB, *schema.Catalogue, ...otelkv.Option) *otelkvtest.Recorder

func recorders() map[string]newRecorder {
	return map[string]newRecorder{"producer": otelkvtest.NewRecorder, "instruments": newInstruments()}
}

func newInstruments(export ...otelkv.ExportOption) newRecorder {
	return func(t testing.TB, catalogue *schema.Catalogue, options ...otelkv.Option) *otelkvtest.Recorder {
		t.Helper()
		recorder, err := otelkv.New(catalogue, options...)
		if err != nil {
			t.Fatal(err)
		}
		return otelkvtest.Instruments(t, recorder, export...)
	}
}

func addEngine(t testing.TB, recorder *otelkvtest.Recorder, index int, options ...otelkv.EngineOption) *otelkv.Engine {
	t.Helper()
	engine, err := recorder.AddEngine(index, "m", options...)
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// must returns a bound series.
func must[S any](t testing.TB) func(S, error) S {
	return func(series S, err error) S {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return series
	}
}

func engineLabels(index string) otelkvtest.Labels {
	return otelkvtest.Labels{schema.LabelEngine: index, schema.LabelModelName: "m"}
}

func tierLabels(index, tier string) otelkvtest.Labels {
	labels := engineLabels(index)
	labels[schema.LabelTier] = tier
	return labels
}

// onProducer tells which of the two runs of byProducerAndInstruments the test is in.
func onProducer(t *testing.T) bool { return strings.HasSuffix(t.Name(), "/producer") }
