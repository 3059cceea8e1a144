// SPDX-License-Identifier: Apache-2.0

package vllm

// sizeBoundaries are vLLM's boundaries for the bytes of one transfer: of the load size,
// the store size and the deprecated size in
// vllm/distributed/kv_transfer/kv_connector/v1/offloading/metrics.py.
func sizeBoundaries() []float64 {
	return []float64{1e6, 5e6, 10e6, 20e6, 40e6, 60e6, 80e6, 100e6, 150e6, 200e6}
}

// syncDelayBoundaries are vLLM's boundaries, in seconds, for a call that blocks
// the scheduler.
func syncDelayBoundaries() []float64 {
	return []float64{0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1}
}

// asyncDelayBoundaries are vLLM's boundaries, in seconds, for a wait between
// calls.
func asyncDelayBoundaries() []float64 {
	return []float64{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}
}
