// SPDX-License-Identifier: Apache-2.0

//go:build race

package stats_test

// maxJSONAllocations is for the scanner of encoding/json, which comes from a sync.Pool.
// The race detector makes the pool forget some of them.
const maxJSONAllocations = 1

// largestHostile is smaller under the race detector, which slows decoding down.
const largestHostile = 512 << 10
