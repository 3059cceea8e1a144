// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	promclient "github.com/prometheus/client_golang/prometheus"
	stock "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/internal/guard"
)

// hostTimeout is how long a collection waits for the host's metrics at most. It waits for
// half of its own time.
const hostTimeout = 5 * time.Second

// A hostProducer returns the metrics of the host's instruments. It reports a callback that
// fails, panics or hangs, and leaves out what it would have measured.
type hostProducer struct {
	collection *guard.Call[[]metricdata.ScopeMetrics]
}

func newHostProducer(reader sdkmetric.Reader) hostProducer {
	return hostProducer{guard.New("an instrument of the host", func(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
		var rm metricdata.ResourceMetrics
		err := reader.Collect(ctx, &rm)
		if err == sdkmetric.ErrReaderShutdown || err == sdkmetric.ErrReaderNotRegistered { //nolint:errorlint // Not if they are joined with others.
			err = nil
		}
		return rm.ScopeMetrics, err
	})}
}

func (h hostProducer) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	timeout := hostTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	scopes, _ := h.collection.Start(ctx).Wait(ctx)
	return scopes, nil
}

// scrapeHandler returns a handler of scrapes: of the collectors, of the host's instruments
// by the stock exporter, and of the host's registries.
func (c *config) scrapeHandler(collectors []*prometheus.Collector, host sdkmetric.Reader, r *resource.Resource) (http.Handler, error) {
	registry := promclient.NewRegistry()
	options := []stock.Option{stock.WithRegisterer(registry), stock.WithProducer(newHostProducer(host))}
	if !c.targetInfo {
		options = append(options, stock.WithoutTargetInfo())
	}
	exporter, err := stock.New(options...)
	if err != nil {
		return nil, fmt.Errorf("otelkv: exporter %q: %w", scrapeExporter, err)
	}
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithResource(r))
	return prometheus.NewHandler(collectors, append([]promclient.Gatherer{registry}, c.gatherers...)...)
}

// repairExemplars decodes the trace and span ids of exemplars from hexadecimal text. It
// removes exemplars whose ids are no such text.
func repairExemplars(data metricdata.Aggregation) {
	switch d := data.(type) {
	case metricdata.Sum[float64]:
		for i := range d.DataPoints {
			d.DataPoints[i].Exemplars = repaired(d.DataPoints[i].Exemplars)
		}
	case metricdata.Histogram[float64]:
		for i := range d.DataPoints {
			d.DataPoints[i].Exemplars = repaired(d.DataPoints[i].Exemplars)
		}
	}
}

func repaired(exemplars []metricdata.Exemplar[float64]) []metricdata.Exemplar[float64] {
	kept := exemplars[:0]
	for _, e := range exemplars {
		if decodeID(&e.TraceID, 16) && decodeID(&e.SpanID, 8) {
			kept = append(kept, e)
		}
	}
	return kept
}

// decodeID decodes an id from hexadecimal text. It leaves an id of the right size, and an
// empty one, as they are.
func decodeID(id *[]byte, size int) bool {
	if len(*id) == 0 || len(*id) == size {
		return true
	}
	decoded, err := hex.DecodeString(string(*id))
	*id = decoded
	return err == nil && len(decoded) == size
}
