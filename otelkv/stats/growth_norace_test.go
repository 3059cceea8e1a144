// SPDX-License-Identifier: Apache-2.0

//go:build !race

package stats_test

// largestHostile is the size of the largest hostile input.
const largestHostile = 4 << 20
