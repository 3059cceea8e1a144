package relay

import (
	"context"
	"errors"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// refusing is an exporter whose receiver is down.
type refusing struct{ err error }

func (refusing) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}

func (refusing) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(kind)
}

func (r refusing) Export(context.Context, *metricdata.ResourceMetrics) error { return r.err }
func (refusing) ForceFlush(context.Context) error                            { return nil }
func (refusing) Shutdown(context.Context) error                              { return nil }

func TestExportFailuresAreCounted(t *testing.T) {
	down := errors.New("the receiver is down")
	for _, c := range []struct {
		err  error
		want int64
	}{{down, 2}, {nil, 0}} {
		reader := NewPeriodic(refusing{c.err}, nil)
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		for range 2 {
			if err := reader.ForceFlush(t.Context()); !errors.Is(err, c.err) {
				t.Errorf("got %v, want %v", err, c.err)
			}
		}
		if got := reader.ExportFailures(); got != c.want {
			t.Errorf("%d failures, want %d", got, c.want)
		}
		_ = provider.Shutdown(t.Context())
	}
}
