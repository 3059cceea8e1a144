// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"cmp"
	"slices"
	"time"

	promclient "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/attribute"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/otelkv/otelkv-go/schema"
)

// A family is one metric. It keeps the labels of its series from scrape to scrape.
type family struct {
	name, help string
	kind       dto.MetricType
	desc       *promclient.Desc
	labelNames []string // without constant labels

	series     []*labeled // of the last scrape, in the order of its points
	order      []int      // their positions, sorted by their labels
	attributes map[attribute.Distinct]*labeled
}

// labeled is the labels and the start of one series, as messages.
type labeled struct {
	attributes attribute.Distinct
	labels     []*dto.LabelPair
	start      time.Time
	created    *timestamppb.Timestamp
}

func newFamily(d schema.Definition, constants []attribute.KeyValue) *family {
	f := &family{
		name: d.SampleName(),
		help: d.Description,
		kind: map[schema.Kind]dto.MetricType{
			schema.KindCounter:   dto.MetricType_COUNTER,
			schema.KindGauge:     dto.MetricType_GAUGE,
			schema.KindHistogram: dto.MetricType_HISTOGRAM,
		}[d.Kind()],
		attributes: make(map[attribute.Distinct]*labeled),
	}
	constant := make(promclient.Labels, len(constants))
	for _, kv := range constants {
		constant[string(kv.Key)] = kv.Value.AsString()
	}
	for _, name := range d.LabelNames {
		if _, ok := constant[name]; !ok {
			f.labelNames = append(f.labelNames, name)
		}
	}
	f.desc = promclient.NewDesc(f.name, f.help, f.labelNames, constant)
	return f
}

// arrange finds the series of n points, and returns the positions of the points, sorted by
// their labels. It drops series without a point.
func (f *family) arrange(n int, point func(i int) (*attribute.Set, time.Time)) []int {
	known := len(f.series)
	changed := n != known
	clear(f.series[min(n, known):])
	f.series = slices.Grow(f.series, max(0, n-known))[:n]
	for i := range n {
		attributes, start := point(i)
		key := attributes.Equivalent()
		l := f.series[i]
		if l == nil || l.attributes != key {
			changed = true
			if l = f.attributes[key]; l == nil {
				l = f.label(attributes)
				f.attributes[key] = l
			}
			f.series[i] = l
		}
		if l.created == nil || !l.start.Equal(start) { // it can be removed and come back
			l.start, l.created = start, timestamppb.New(start)
		}
	}
	if !changed {
		return f.order
	}
	f.order = f.order[:0]
	for i := range f.series {
		f.order = append(f.order, i)
	}
	slices.SortFunc(f.order, func(a, b int) int { return compareLabels(f.series[a].labels, f.series[b].labels) })
	if len(f.attributes) > n {
		clear(f.attributes)
		for _, l := range f.series {
			f.attributes[l.attributes] = l
		}
	}
	return f.order
}

func (f *family) label(attributes *attribute.Set) *labeled {
	values := make([]string, len(f.labelNames))
	for i, name := range f.labelNames {
		value, _ := attributes.Value(attribute.Key(name))
		values[i] = value.AsString()
	}
	return &labeled{attributes: attributes.Equivalent(), labels: promclient.MakeLabelPairs(f.desc, values)}
}

// compareLabels orders series of one family by their label values.
func compareLabels(a, b []*dto.LabelPair) int {
	return slices.CompareFunc(a, b, func(a, b *dto.LabelPair) int { return cmp.Compare(a.GetValue(), b.GetValue()) })
}
