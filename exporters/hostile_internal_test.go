package exporters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// narrow takes a number of points in a request and no more.
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
			for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
				n.got[p.Attributes.Equivalent()]++
			}
		}
	}
	return nil
}

func someMetrics(count int) *metricdata.ResourceMetrics {
	rm := &metricdata.ResourceMetrics{ScopeMetrics: make([]metricdata.ScopeMetrics, 2)}
	for i := range count {
		scope := &rm.ScopeMetrics[i%2]
		if i < 6 {
			scope.Metrics = append(scope.Metrics, metricdata.Metrics{Name: fmt.Sprint(i), Data: metricdata.Sum[int64]{}})
		}
		m := &scope.Metrics[i%len(scope.Metrics)]
		sum := m.Data.(metricdata.Sum[int64])
		sum.DataPoints = append(sum.DataPoints, metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attribute.Int("i", i))})
		m.Data = sum
	}
	return rm
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
		{"413 halves", http413, 50, 3, 100, false},
		{"gRPC quarters", grpc, 25, 7, 100, false},
		{"refused at any size", http413, 0, 31, 0, true},
		{"another reason", errors.New("400 Bad Request"), 50, 1, 0, true},
		{"exhausted quota", status.Error(codes.ResourceExhausted, "quota"), 50, 1, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := &narrow{most: test.most, refusal: test.refusal, got: map[attribute.Distinct]int{}}
			err := exportSplit(t.Context(), n, someMetrics(100))
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

func TestFailuresAreShortAndFew(t *testing.T) {
	var f failures
	start := time.Now()
	cause := errors.New("body: \n2026 ERROR forged \x1b[2J" + strings.Repeat("\u00e9", 1<<20))
	first := f.report(cause, start)
	if text := first.Error(); len(text) > 4*maxErrorText || strings.ContainsAny(text, "\n\x1b") || !errors.Is(first, cause) {
		t.Errorf("%d bytes: %.600s", len(text), text)
	}
	for i := range 59 {
		if err := f.report(cause, start.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatalf("reported again after %d s: %v", i, err)
		}
	}
	if err := f.report(cause, start.Add(time.Minute)); err == nil || !strings.Contains(err.Error(), "59 more times") {
		t.Errorf("after a minute: %v", err)
	}
	if err := f.report(errors.New("other"), start.Add(time.Minute)); err == nil {
		t.Error("another failure is not reported")
	}
	done := f.ask()
	if err := f.report(errors.New("other"), start.Add(time.Minute)); err == nil {
		t.Error("who asks is told of no failure")
	}
	done()
	if err := f.report(errors.New("other"), start.Add(time.Minute)); err != nil {
		t.Errorf("who does not ask is told again: %v", err)
	}
}
