// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
)

// Totals add up the requests to a receiver. It is safe for concurrent use.
type Totals struct {
	mu     sync.Mutex
	series map[identity]float64
}

// An identity is one life of a series. If a cumulative series starts again, its totals of
// both lives are added up.
type identity struct {
	name, attributes string
	start            uint64
}

// Sum adds up the series of a metric whose attributes contain all of the given
// texts, each written as name="value". For histograms it is the number of samples.
func (t *Totals) Sum(name string, containing ...string) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	var sum float64
	for id, value := range t.series {
		matches := id.name == name
		for _, text := range containing {
			matches = matches && strings.Contains(id.attributes, text)
		}
		if matches {
			sum += value
		}
	}
	return sum
}

func (t *Totals) add(request *collector.ExportMetricsServiceRequest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.series == nil {
		t.series = make(map[identity]float64)
	}
	for _, resource := range request.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				t.addMetric(m)
			}
		}
	}
}

func (t *Totals) addMetric(m *metrics.Metric) {
	delta := metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	for _, point := range m.GetSum().GetDataPoints() {
		t.set(m, point.GetAttributes(), point.GetStartTimeUnixNano(), number(point), m.GetSum().GetAggregationTemporality() == delta)
	}
	for _, point := range m.GetGauge().GetDataPoints() {
		t.set(m, point.GetAttributes(), 0, number(point), false)
	}
	for _, point := range m.GetHistogram().GetDataPoints() {
		t.set(m, point.GetAttributes(), point.GetStartTimeUnixNano(), float64(point.GetCount()), m.GetHistogram().GetAggregationTemporality() == delta)
	}
}

func (t *Totals) set(m *metrics.Metric, attributes []*common.KeyValue, start uint64, value float64, delta bool) {
	id := identity{m.GetName(), encode(attributes), start}
	if delta {
		id.start = 0
		value += t.series[id]
	}
	// Series with zero are left out, because a long test has very many of them.
	if _, ok := t.series[id]; ok || value != 0 {
		t.series[id] = value
	}
}

func number(point *metrics.NumberDataPoint) float64 {
	if v, ok := point.GetValue().(*metrics.NumberDataPoint_AsInt); ok {
		return float64(v.AsInt)
	}
	return point.GetAsDouble()
}

func encode(attributes []*common.KeyValue) string {
	pairs := make([]string, len(attributes))
	for i, kv := range attributes {
		pairs[i] = fmt.Sprintf("%s=%q", kv.GetKey(), kv.GetValue().GetStringValue())
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}
