// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	promclient "github.com/prometheus/client_golang/prometheus"
	stock "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/internal/guard"
)

// hostTimeout is how long a collection waits for what the host contributes, at most.
// It waits for half of the time that it has itself.
const hostTimeout = 5 * time.Second

// within returns a context for what the host contributes to a collection.
func within(ctx context.Context) (context.Context, context.CancelFunc) {
	timeout := hostTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline)/2)
	}
	return context.WithTimeout(ctx, timeout)
}

// A hostProducer gives what the instruments of the host measure, whatever their
// callbacks do: one that fails, panics or hangs is reported, and costs no more than
// this collection.
type hostProducer struct {
	collection *guard.Call[[]metricdata.ScopeMetrics]
}

func newHostProducer(reader sdkmetric.Reader) *hostProducer {
	return &hostProducer{guard.New("an instrument of the host", func(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
		var rm metricdata.ResourceMetrics
		err := reader.Collect(ctx, &rm)
		if err == sdkmetric.ErrReaderShutdown || err == sdkmetric.ErrReaderNotRegistered { //nolint:errorlint // As they are.
			err = nil
		}
		return rm.ScopeMetrics, err
	})}
}

// Produce collects.
func (h *hostProducer) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	scopes, _ := h.collection.Start(ctx).Wait(ctx)
	return scopes, nil
}

// hostGatherer returns what shows the host's metrics on scrapes: the stock exporter for
// its instruments, which the returned reader reads, and its registries.
func (c *config) hostGatherer() ([]prometheus.HandlerOption, sdkmetric.Reader, error) {
	reader := sdkmetric.NewManualReader()
	registry := promclient.NewRegistry()
	stocked := []stock.Option{stock.WithRegisterer(registry), stock.WithProducer(newHostProducer(reader))}
	if !c.targetInfo {
		stocked = append(stocked, stock.WithoutTargetInfo())
	}
	exporter, err := stock.New(stocked...)
	if err != nil {
		return nil, nil, fmt.Errorf("otelkv: exporter %q: %w", Prometheus, err)
	}
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithResource(c.resource))
	options := []prometheus.HandlerOption{prometheus.WithGatherer(registry)}
	for _, g := range c.gatherers {
		options = append(options, prometheus.WithGatherer(g))
	}
	return options, reader, nil
}

// repairExemplars makes the trace and span ids of exemplars what their text says, and
// removes exemplars whose text says none.
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
		var traceOK, spanOK bool
		e.TraceID, traceOK = idOf(e.TraceID, 16)
		e.SpanID, spanOK = idOf(e.SpanID, 8)
		if traceOK && spanOK {
			kept = append(kept, e)
		}
	}
	return kept
}

// idOf returns the id that hexadecimal text of it says. An id of the right size is
// one already, and none is allowed.
func idOf(text []byte, size int) (id []byte, ok bool) {
	if len(text) == 0 || len(text) == size {
		return text, true
	}
	id, err := hex.DecodeString(strings.ToLower(string(text)))
	return id, err == nil && len(id) == size
}
