// SPDX-License-Identifier: Apache-2.0

//go:build race

package stats_test

// largestHostile is smaller under the race detector, which slows decoding down.
const largestHostile = 512 << 10
