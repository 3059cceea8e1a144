// SPDX-License-Identifier: Apache-2.0

// Package otelkvtest tests code that records through package otelkv.
//
// [NewRecorder] gives a recorder that is collected in memory. Pass it to the code
// under test, [Recorder.Collect], and look at what would be exported:
//
//	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
//	serve(recorder.Recorder)
//	got := recorder.Collect().Value(vllm.LoadBytes, otelkvtest.Labels{"engine": "0"})
//
// [Check] is for code that emits the metrics of a catalogue by whatever means,
// also without package otelkv: it explains each rule of the catalogue that the
// emitted data breaks, as testing/slogtest does for handlers.
//
// The package is meant for tests.
package otelkvtest
