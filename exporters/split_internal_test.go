// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// narrow accepts only so many points in one request.
type narrow struct {
	sdkmetric.Exporter
	most     int
	refusal  error
	requests int
	got      map[attribute.Distinct]int
}

func (n *narrow) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	n.requests++
	if points(rm) > n.most {
		return n.refusal
	}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					n.got[p.Attributes.Equivalent()]++
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					n.got[p.Attributes.Equivalent()]++
				}
			}
		}
	}
	return nil
}

// someMetrics returns points of two kinds in two scopes, and a metric without data.
func someMetrics(count int) *metricdata.ResourceMetrics {
	var sum metricdata.Sum[int64]
	var histogram metricdata.Histogram[float64]
	for i := range count {
		attributes := attribute.NewSet(attribute.Int("i", i))
		if i%3 == 0 {
			sum.DataPoints = append(sum.DataPoints, metricdata.DataPoint[int64]{Attributes: attributes})
		} else {
			histogram.DataPoints = append(histogram.DataPoints, metricdata.HistogramDataPoint[float64]{Attributes: attributes})
		}
	}
	return &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{
		{Metrics: []metricdata.Metrics{{Name: "a", Data: sum}, {Name: "none"}}},
		{Metrics: []metricdata.Metrics{{Name: "b", Data: histogram}}},
	}}
}

func TestARefusedPushIsSplit(t *testing.T) {
	http413 := errors.New("failed to send metrics to http://h/v1/metrics: 413 Request Entity Too Large (body: no)")
	grpc := fmt.Errorf("upload: %w", status.Error(codes.ResourceExhausted, "grpc: received message larger than max (9 vs. 4)"))
	for _, test := range []struct {
		name               string
		refusal            error
		most               int
		requests, received int
		fails              bool
	}{
		{"fits", http413, 100, 1, 100, false},
		{"413, halves", http413, 50, 3, 100, false},
		{"gRPC, quarters", grpc, 25, 7, 100, false},
		{"gRPC of Java", status.Error(codes.ResourceExhausted, "gRPC message exceeds maximum size 4: 9"), 50, 3, 100, false},
		{"gRPC of Rust", status.Error(codes.OutOfRange, "Error, decoded message length too large: found 9 bytes, the limit is: 4 bytes"), 50, 3, 100, false},
		{"gRPC behind a proxy", status.Error(codes.Unknown, "unexpected HTTP status code received from server: 413 (Request Entity Too Large)"), 50, 3, 100, false},
		{"the exporter's own limit", errors.New("request body too large: exceeded 4 bytes"), 50, 3, 100, false},
		{"refused at any size", http413, 0, 31, 0, true},
		{"another reason", errors.New("400 Bad Request"), 50, 1, 0, true},
		{"a quota", status.Error(codes.ResourceExhausted, "quota"), 50, 1, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := &narrow{most: test.most, refusal: test.refusal, got: map[attribute.Distinct]int{}}
			err := exportHalves(t.Context(), n, someMetrics(100), maxSplits)
			if (err != nil) != test.fails || n.requests != test.requests || len(n.got) != test.received {
				t.Errorf("%d requests, %d points, error %v; want %d and %d", n.requests, len(n.got), err, test.requests, test.received)
			}
			for _, times := range n.got {
				if times != 1 {
					t.Errorf("a point came %d times", times)
				}
			}
		})
	}
}

// TestEveryKindIsSplit tests that every kind of data has its points in the field that
// split uses.
func TestEveryKindIsSplit(t *testing.T) {
	for _, data := range []metricdata.Aggregation{
		metricdata.Sum[int64]{DataPoints: make([]metricdata.DataPoint[int64], 3)},
		metricdata.Sum[float64]{DataPoints: make([]metricdata.DataPoint[float64], 3)},
		metricdata.Gauge[int64]{DataPoints: make([]metricdata.DataPoint[int64], 3)},
		metricdata.Gauge[float64]{DataPoints: make([]metricdata.DataPoint[float64], 3)},
		metricdata.Histogram[int64]{DataPoints: make([]metricdata.HistogramDataPoint[int64], 3)},
		metricdata.Histogram[float64]{DataPoints: make([]metricdata.HistogramDataPoint[float64], 3)},
		metricdata.ExponentialHistogram[int64]{DataPoints: make([]metricdata.ExponentialHistogramDataPoint[int64], 3)},
		metricdata.ExponentialHistogram[float64]{DataPoints: make([]metricdata.ExponentialHistogramDataPoint[float64], 3)},
		metricdata.Summary{DataPoints: make([]metricdata.SummaryDataPoint, 3)},
	} {
		rm := &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{Data: data}}}}}
		first, rest := between(rm, 0, 1), between(rm, 1, 3)
		if points(rm) != 3 || points(first) != 1 || points(rest) != 2 {
			t.Errorf("%T: %d points in pieces of %d and %d, want 3 in 1 and 2", data, points(rm), points(first), points(rest))
		}
	}
}
