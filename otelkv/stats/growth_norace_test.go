// SPDX-License-Identifier: Apache-2.0

//go:build !race

package stats_test

// maxJSONAllocations bounds the allocations of decoding JSON again.
const maxJSONAllocations = 0

// largestHostile is the size of the largest hostile input.
const largestHostile = 4 << 20
