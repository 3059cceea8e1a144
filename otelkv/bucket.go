// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"math"
	"slices"
)

// A bucketTable finds the bucket of a sample. It divides the range of the limits into parts
// on a nearly logarithmic scale, as limits usually are, and has the first bucket of each
// part. A search from the first limit, or from the middle, would make the processor guess
// where it ends. A wrong guess costs more than the rest of a record.
type bucketTable struct {
	limits []int64 // of the buckets, as limitOf returns them; the last has no end
	least  int64   // the least limit above zero
	shift  uint    // (limit - least) >> shift is the number of a part
	first  [tableParts]uint16
}

const tableParts = 256

// newBucketTable returns the table of a histogram's boundaries.
func newBucketTable(boundaries []float64) *bucketTable {
	t := &bucketTable{limits: make([]int64, 0, len(boundaries)+1)}
	for _, boundary := range boundaries {
		t.limits = append(t.limits, limitOf(boundary))
	}
	above, _ := slices.BinarySearch(t.limits, 1)
	t.limits = append(t.limits, math.MaxInt64)
	if above == len(boundaries) {
		return t // The search for every sample starts at the first bucket.
	}
	t.least = t.limits[above]
	for (t.limits[len(boundaries)-1]-t.least)>>t.shift >= tableParts-1 {
		t.shift++
	}
	for i := 1; i < tableParts; i++ {
		first, _ := slices.BinarySearch(t.limits, t.least+int64(i-1)<<t.shift)
		t.first[i] = uint16(min(first, math.MaxUint16)) //nolint:gosec // It is not negative.
	}
	return t
}

// bucket returns the index of the first boundary that is not below a sample. The sample is
// not negative. Upper bounds are inclusive, as in Prometheus and OTLP.
func (t *bucketTable) bucket(sample float64) int {
	limit := limitOf(sample)
	part := max(0, min((limit-t.least)>>t.shift+1, tableParts-1))
	i := int(t.first[part])
	for t.limits[i] < limit {
		i++
	}
	return i
}

// bucketsAmong returns for each bucket of some boundaries the one that includes it among
// the buckets of fewer boundaries.
func bucketsAmong(boundaries, fewer []float64) []int {
	buckets := make([]int, len(boundaries)+1)
	for i, boundary := range boundaries {
		buckets[i], _ = slices.BinarySearch(fewer, boundary)
	}
	buckets[len(boundaries)] = len(fewer)
	return buckets
}

// limitOf returns an integer for a number. The integers of two numbers compare as the
// numbers do. All negative numbers have the same integer, because no sample is negative.
func limitOf(number float64) int64 {
	if number < 0 {
		return -1
	}
	return int64(math.Float64bits(number + 0)) //nolint:gosec // The sign bit is not set: -0 + 0 is 0.
}
