// SPDX-License-Identifier: Apache-2.0

package otelkvtest_test

import (
	"testing"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// offload is code of a service that gets a recorder.
func offload(recorder *otelkv.Recorder) error {
	engine, err := recorder.AddEngine(0, "llama")
	if err != nil {
		return err
	}
	stored, err := engine.Int64Counter(vllm.StoreBytes)
	if err != nil {
		return err
	}
	stored.Add(4096)
	return nil
}

// TestOffload is what a user's test looks like.
func TestOffload(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.CPUSpec(0))
	if err := offload(recorder.Recorder); err != nil {
		t.Fatal(err)
	}
	collected := recorder.Collect()
	if got := collected.Value(vllm.StoreBytes, otelkvtest.Labels{"engine": "0"}); got != 4096 {
		t.Errorf("stored %v bytes, want 4096", got)
	}
	if err := otelkvtest.Check(vllm.CPUSpec(0), collected.ResourceMetrics); err != nil {
		t.Error(err)
	}
}
