// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// maxSplits is how often one export is halved. An export that is refused at every size
// makes 31 requests.
const maxSplits = 4

// exportHalves exports. If the export is refused for its size, it exports the halves, and
// halves them up to so many times. The error is that of the smallest pieces.
func exportHalves(ctx context.Context, exporter sdkmetric.Exporter, rm *metricdata.ResourceMetrics, splits int) error {
	err := exporter.Export(ctx, rm)
	if splits == 0 || !isTooLarge(err) {
		return err
	}
	n := points(rm)
	if n < 2 {
		return err
	}
	return errors.Join(
		exportHalves(ctx, exporter, between(rm, 0, n/2), splits-1),
		exportHalves(ctx, exporter, between(rm, n/2, n), splits-1))
}

// isTooLarge reports whether a request was refused for its size: by a limit of the
// exporter, by HTTP's status 413, or by gRPC. The error of the exporter over HTTP has the
// status only in its text. gRPC has no code for it: implementations use codes with other
// meanings, such as a used-up quota, each with its own text.
func isTooLarge(err error) bool {
	var signs []string
	switch status.Code(err) {
	case codes.ResourceExhausted, codes.OutOfRange: // Go, C++ and Python; Java; Rust
		signs = []string{"larger than max", "exceeds maximum size", "length too large"}
	case codes.Unknown: // also errors that are not gRPC's
		signs = []string{": 413 ", "status code received from server: 413", "too large: exceeded"}
	}
	return slices.ContainsFunc(signs, func(sign string) bool { return strings.Contains(err.Error(), sign) })
}

func points(rm *metricdata.ResourceMetrics) int {
	n := 0
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Data != nil {
				n += dataPoints(reflect.ValueOf(m.Data)).Len()
			}
		}
	}
	return n
}

// dataPoints returns the points of data. Every kind of metric has a field of this name.
func dataPoints(data reflect.Value) reflect.Value { return data.FieldByName("DataPoints") }

// between returns the points with indexes from from up to to, counted over all metrics. It
// shares the points with rm.
func between(rm *metricdata.ResourceMetrics, from, to int) *metricdata.ResourceMetrics {
	out := &metricdata.ResourceMetrics{Resource: rm.Resource}
	at := 0 // the index of a metric's first point
	for _, scope := range rm.ScopeMetrics {
		kept := metricdata.ScopeMetrics{Scope: scope.Scope}
		for _, m := range scope.Metrics {
			if m.Data == nil {
				continue
			}
			data := reflect.New(reflect.TypeOf(m.Data)).Elem()
			data.Set(reflect.ValueOf(m.Data))
			all := dataPoints(data)
			first, last := max(from-at, 0), min(to-at, all.Len())
			at += all.Len()
			if first < last {
				all.Set(all.Slice(first, last))
				m.Data = data.Interface().(metricdata.Aggregation)
				kept.Metrics = append(kept.Metrics, m)
			}
		}
		if len(kept.Metrics) > 0 {
			out.ScopeMetrics = append(out.ScopeMetrics, kept)
		}
	}
	return out
}
