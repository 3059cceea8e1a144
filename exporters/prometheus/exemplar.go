// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"encoding/hex"
	"math"
	"slices"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// maxExemplarRunes bounds the names and values of an exemplar's labels together
// (OpenMetrics, "Exemplars").
const maxExemplarRunes = 128

// newest returns the latest exemplar, or nil. A counter shows only one.
func newest[N int64 | float64](exemplars []metricdata.Exemplar[N]) *dto.Exemplar {
	if len(exemplars) == 0 {
		return nil
	}
	return newExemplar(slices.MaxFunc(exemplars, func(a, b metricdata.Exemplar[N]) int { return a.Time.Compare(b.Time) }))
}

// withExemplars gives each bucket the latest exemplar of its samples. An exemplar above all
// boundaries adds the bucket of +Inf, with the count of all samples.
func withExemplars(buckets []*dto.Bucket, count *uint64, exemplars []metricdata.Exemplar[float64]) []*dto.Bucket {
	finite := len(buckets)
	for _, e := range exemplars {
		position := 0
		for position < finite && e.Value > buckets[position].GetUpperBound() {
			position++
		}
		if position == len(buckets) {
			buckets = append(buckets, &dto.Bucket{CumulativeCount: count, UpperBound: proto.Float64(math.Inf(1))})
		}
		if before := buckets[position].Exemplar; before == nil || e.Time.After(before.Timestamp.AsTime()) {
			buckets[position].Exemplar = newExemplar(e)
		}
	}
	return buckets
}

// newExemplar returns an exemplar with the ids of the span as labels. If there is room, it
// also has the attributes that a view removed from the series.
func newExemplar[N int64 | float64](e metricdata.Exemplar[N]) *dto.Exemplar {
	to := &dto.Exemplar{Value: proto.Float64(float64(e.Value)), Timestamp: timestamppb.New(e.Time)}
	runes := 0
	add := func(name, value string) {
		if runes += utf8.RuneCountInString(name) + utf8.RuneCountInString(value); value != "" && runes <= maxExemplarRunes {
			to.Label = append(to.Label, &dto.LabelPair{Name: &name, Value: &value})
		}
	}
	add("trace_id", hex.EncodeToString(e.TraceID))
	add("span_id", hex.EncodeToString(e.SpanID))
	for _, kv := range e.FilteredAttributes {
		add(string(kv.Key), kv.Value.AsString())
	}
	return to
}
