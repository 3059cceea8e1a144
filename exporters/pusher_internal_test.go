// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"context"
	"errors"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// A failing exporter returns its error.
type failing struct {
	sdkmetric.Exporter
	err error
}

func (f failing) Export(context.Context, *metricdata.ResourceMetrics) error { return f.err }

// TestWhoAsksIsTold tests that a caller who waits for errors gets each of them, and that
// this does not change the reports.
func TestWhoAsksIsTold(t *testing.T) {
	failure := errors.New("no")
	s := &shared{Exporter: failing{err: failure}, turn: make(chan struct{}, 1)}
	export := func() error {
		return s.Export(t.Context(), &metricdata.ResourceMetrics{ScopeMetrics: make([]metricdata.ScopeMetrics, 1)})
	}
	s.asking.Add(1)
	for range 3 {
		if err := export(); !errors.Is(err, failure) {
			t.Errorf("who asks is told %v", err)
		}
	}
	s.asking.Add(-1)
	if err := export(); !errors.Is(err, failure) {
		t.Errorf("the first report is %v", err)
	}
	if err := export(); err != nil {
		t.Errorf("reported twice: %v", err)
	}
}
