// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"math"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/protobuf/proto"
)

// fillNative adds native buckets to the histograms. The points have the order of those
// that made the histograms.
func (s *familySnapshot) fillNative(points []metricdata.ExponentialHistogramDataPoint[float64]) {
	for i := range points {
		h, p := &s.histograms[i], &points[i]
		h.Schema, h.PositiveSpan, h.PositiveDelta = nil, nil, nil
		h.ZeroThreshold, h.ZeroCount = nil, nil
		if p.Count == 0 && h.GetSampleCount() > 0 {
			continue // the samples came before the series counted in exponential buckets
		}
		h.Schema = proto.Int32(p.Scale)
		// The zero bucket holds zeros only. With a threshold of zero, Prometheus would not
		// recognize a histogram without samples as a native one.
		h.ZeroThreshold, h.ZeroCount = proto.Float64(math.SmallestNonzeroFloat64), proto.Uint64(p.ZeroCount)
		h.PositiveSpan, h.PositiveDelta = spans(p.PositiveBucket)
		// The explicit buckets are read at another moment, and Prometheus refuses a histogram
		// whose parts differ.
		*h.SampleCount = min(*h.SampleCount, p.Count)
		for _, bucket := range h.Bucket {
			*bucket.CumulativeCount = min(*bucket.CumulativeCount, p.Count)
		}
	}
}

// spans returns buckets in Prometheus's form: runs of buckets with samples, each with the
// number of empty buckets before it, and the difference of each count from the one before.
// OpenTelemetry's bucket i begins at the i-th power of the base. Prometheus numbers a bucket
// by the power at its end, so it is bucket i+1 there.
func spans(buckets metricdata.ExponentialBucket) (all []*dto.BucketSpan, deltas []int64) {
	before, empty := int64(0), buckets.Offset+1
	for _, n := range buckets.Counts {
		if n == 0 {
			empty++
			continue
		}
		if empty != 0 || all == nil {
			all = append(all, &dto.BucketSpan{Offset: proto.Int32(empty), Length: proto.Uint32(0)})
		}
		empty = 0
		*all[len(all)-1].Length++
		deltas = append(deltas, int64(n)-before) //nolint:gosec // No histogram has 2^63 samples.
		before = int64(n)                        //nolint:gosec // As above.
	}
	return all, deltas
}
