// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	promclient "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// A Collector shows a recorder's metrics to Prometheus under exactly their Prometheus
// names. Register it with any registry of client_golang, or serve it with [NewHandler],
// which costs less. It is safe for concurrent use.
//
// It describes every metric of the recorder. So a registry refuses another collector of
// the same recorder or catalogue, and a metric of the host with the same name. Recorders
// of one catalogue can share a registry if they have constant labels of different values
// ([otelkv.WithConstantLabels]).
//
// Series have created timestamps, in the formats that carry them. The label of
// connectors ([otelkv.LabelNames]) is empty on series without a connector. To Prometheus
// an empty label is the same as none.
type Collector struct {
	producer *otelkv.Producer

	positions map[string]int // in families, by the OpenTelemetry names
	snapshots sync.Pool      // for scrapes at the same time

	mu       sync.Mutex // guards the families, and the producer's points
	families []*family  // sorted by their names
}

var _ promclient.Collector = (*Collector)(nil)

// NewCollector returns a collector of the recorder's metrics. It shows a removed series for
// two more minutes, so that every server that scrapes sees its last value;
// [otelkv.WithRemovalDelay] sets another time. The metrics are cumulative, whatever
// temporality [otelkv.WithSelectors] gives.
func NewCollector(recorder *otelkv.Recorder, options ...otelkv.ExportOption) (*Collector, error) {
	if recorder == nil {
		return nil, errors.New("otelkv: a Prometheus collector needs a recorder")
	}
	options = append([]otelkv.ExportOption{otelkv.WithRemovalDelay(2 * time.Minute)}, options...)
	producer, err := recorder.Producer(append(options, otelkv.WithSelectors(sdkmetric.CumulativeTemporalitySelector, nil))...)
	if err != nil {
		return nil, err
	}
	c := &Collector{producer: producer, positions: make(map[string]int)}
	c.snapshots.New = func() any { return new(snapshot) }
	definitions := slices.SortedFunc(producer.Definitions(), func(a, b schema.Definition) int {
		return cmp.Compare(a.SampleName(), b.SampleName())
	})
	for i, d := range definitions {
		c.families = append(c.families, newFamily(d, recorder.ConstantLabels()))
		c.positions[d.Name] = i
	}
	return c, nil
}

// Describe sends the descriptions of all metrics.
func (c *Collector) Describe(descriptions chan<- *promclient.Desc) {
	for _, f := range c.families {
		descriptions <- f.desc
	}
}

// Collect sends the current metrics.
func (c *Collector) Collect(metrics chan<- promclient.Metric) {
	var s snapshot
	c.collect(&s)
	for i := range s.families {
		f := &s.families[i]
		for _, m := range f.Metric {
			metrics <- metric{f.family.desc, m}
		}
	}
}

// collect fills the snapshot with the current metrics, sorted.
func (c *Collector) collect(s *snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.begin(c.families)
	for _, scope := range c.producer.Collect(context.Background()) {
		for i := range scope.Metrics {
			m := &scope.Metrics[i]
			s.families[c.positions[m.Name]].fill(m.Data)
		}
	}
}

// A metric is one series for a registry.
type metric struct {
	desc *promclient.Desc
	data *dto.Metric
}

func (m metric) Desc() *promclient.Desc { return m.desc }

func (m metric) Write(to *dto.Metric) error {
	to.Label, to.Counter, to.Gauge, to.Histogram = m.data.Label, m.data.Counter, m.data.Gauge, m.data.Histogram
	return nil
}
