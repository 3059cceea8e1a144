// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"math"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/protobuf/proto"
)

// fillNative makes the histograms native ones too. Their exponential points are in the
// order of those that [familySnapshot.fillHistograms] got.
func (s *familySnapshot) fillNative(points []metricdata.ExponentialHistogramDataPoint[float64]) {
	for i := range points {
		h, p := &s.histograms[i], &points[i]
		h.Schema, h.PositiveSpan, h.PositiveDelta = nil, nil, nil
		h.ZeroThreshold, h.ZeroCount = nil, nil
		if p.Count == 0 && h.GetSampleCount() > 0 {
			continue // the samples are known by their other buckets only
		}
		h.Schema = proto.Int32(p.Scale)
		// The bucket of zero has nothing else. Without a threshold above zero
		// Prometheus would not see that a histogram without samples is a native one.
		h.ZeroThreshold, h.ZeroCount = proto.Float64(math.SmallestNonzeroFloat64), proto.Uint64(p.ZeroCount)
		h.PositiveSpan, h.PositiveDelta = spans(p.PositiveBucket)
		limitTo(h, p.Count)
	}
}

// limitTo makes the explicit buckets count no more samples than the exponential ones,
// as they may by the samples in flight: Prometheus refuses a histogram whose parts differ.
func limitTo(h *dto.Histogram, count uint64) {
	*h.SampleCount = min(*h.SampleCount, count)
	for _, bucket := range h.Bucket {
		*bucket.CumulativeCount = min(*bucket.CumulativeCount, count)
	}
}

// spans returns buckets as Prometheus has them: the runs of those with samples, each
// with the number of buckets before it, and each count less the one before. Bucket i of
// OpenTelemetry, which lies above the i-th power of the base, is bucket i+1 of Prometheus,
// which lies below the power.
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
		deltas = append(deltas, int64(n)-before) //nolint:gosec // Nobody counts so many samples.
		before = int64(n)                        //nolint:gosec // The same.
	}
	return all, deltas
}
