// SPDX-License-Identifier: Apache-2.0

// Package otelkvtest tests code that records through package otelkv.
//
// [NewRecorder] returns a recorder whose metrics stay in memory. Pass it to the code under
// test, call [Recorder.Collect], and look up what would be exported:
//
//	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
//	serve(recorder.Recorder)
//	got := recorder.Collect().Value(vllm.LoadBytes, otelkvtest.Labels{"engine": "0"})
//
// [Check] is for code that emits the metrics of a catalogue, with or without package otelkv.
// It explains each rule of the catalogue that the emitted data breaks, as testing/slogtest
// does for handlers.
//
// The package is meant for tests.
package otelkvtest
