package exporters

import (
	"context"
	"errors"
	"strings"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// maxSplits is how often one export is halved, so that one that is refused at any size
// makes 31 requests and no more.
const maxSplits = 4

// exportSplit exports, and exports the halves of what is refused for its size. The
// error is that of the smallest pieces.
func exportSplit(ctx context.Context, exporter sdkmetric.Exporter, rm *metricdata.ResourceMetrics) error {
	return exportHalves(ctx, exporter, rm, maxSplits)
}

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

// isTooLarge reports whether a receiver refused a request for its size. The exporter
// for HTTP says the status in its text alone.
func isTooLarge(err error) bool {
	if err == nil {
		return false
	}
	if status.Code(err) == codes.ResourceExhausted {
		return strings.Contains(err.Error(), "larger than max")
	}
	return strings.Contains(err.Error(), ": 413 ")
}

func points(rm *metricdata.ResourceMetrics) int {
	n := 0
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			count, _ := slicePoints(m.Data, 0, 0)
			n += count
		}
	}
	return n
}

// between returns the points from one index up to another, over all metrics. It shares
// the points and changes nothing.
func between(rm *metricdata.ResourceMetrics, from, to int) *metricdata.ResourceMetrics {
	out := &metricdata.ResourceMetrics{Resource: rm.Resource}
	at := 0 // the index of a metric's first point
	for _, scope := range rm.ScopeMetrics {
		kept := metricdata.ScopeMetrics{Scope: scope.Scope}
		for _, m := range scope.Metrics {
			count, _ := slicePoints(m.Data, 0, 0)
			first, last := max(from-at, 0), min(to-at, count)
			at += count
			if first < last {
				_, m.Data = slicePoints(m.Data, first, last)
				kept.Metrics = append(kept.Metrics, m)
			}
		}
		if len(kept.Metrics) > 0 {
			out.ScopeMetrics = append(out.ScopeMetrics, kept)
		}
	}
	return out
}

// slicePoints returns how many points there are, and the data with some of them alone.
func slicePoints(data metricdata.Aggregation, first, last int) (int, metricdata.Aggregation) {
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		n := len(d.DataPoints)
		d.DataPoints = d.DataPoints[first:last]
		return n, d
	case metricdata.Sum[float64]:
		n := len(d.DataPoints)
		d.DataPoints = d.DataPoints[first:last]
		return n, d
	case metricdata.Gauge[int64]:
		n := len(d.DataPoints)
		d.DataPoints = d.DataPoints[first:last]
		return n, d
	case metricdata.Gauge[float64]:
		n := len(d.DataPoints)
		d.DataPoints = d.DataPoints[first:last]
		return n, d
	case metricdata.Histogram[int64]:
		n := len(d.DataPoints)
		d.DataPoints = d.DataPoints[first:last]
		return n, d
	case metricdata.Histogram[float64]:
		n := len(d.DataPoints)
		d.DataPoints = d.DataPoints[first:last]
		return n, d
	case metricdata.ExponentialHistogram[int64]:
		n := len(d.DataPoints)
		d.DataPoints = d.DataPoints[first:last]
		return n, d
	case metricdata.ExponentialHistogram[float64]:
		n := len(d.DataPoints)
		d.DataPoints = d.DataPoints[first:last]
		return n, d
	case metricdata.Summary:
		n := len(d.DataPoints)
		d.DataPoints = d.DataPoints[first:last]
		return n, d
	default: // It stays whole, as one point.
		return 1, d
	}
}
