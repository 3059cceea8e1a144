// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

const gateway = "examples/fleet/gateway/"

// TestFleetThroughAGateway runs the example's workers, all with the same engine index,
// and its Collector configuration, without changes.
func TestFleetThroughAGateway(t *testing.T) {
	collector := servers.StartCollector(t, gateway+"collector.yaml")
	servers.StartFleet(t, []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + collector.HTTP,
		"OTEL_METRIC_EXPORT_INTERVAL=500",
	}, "worker-0", "worker-1")
	// Prometheus only scrapes the Collector.
	prometheus := servers.StartPrometheus(t, prometheusConfiguration(t, collector.Scrape, collector.Scrape))
	for _, condition := range []string{
		`count(vllm:kv_offload_load_bytes_total{engine="0",model_name="llama",worker=~"worker-[01]",job="otelkv"} > 0) == 2`,
		`count(sum by (worker) (vllm:kv_offload_store_size_count{job="otelkv"})) == 2`,
	} {
		prometheus.Await(t, condition, servers.Some)
	}
}

// A fleet is workers that send to a Collector in front of two gateways.
type fleet struct {
	gateways [2]*servers.Collector
	workers  []*load.Service
	rounds   int
}

// startFleet starts one worker for each temporality. Each has its own name.
func startFleet(t *testing.T, front string, temporalities ...string) *fleet {
	t.Helper()
	f := &fleet{}
	for i := range f.gateways {
		f.gateways[i] = servers.StartCollector(t, gateway+"collector.yaml")
	}
	router := servers.StartCollector(t, gateway+front,
		"exporters.otlp_grpc/0.endpoint="+f.gateways[0].GRPC, "exporters.otlp_grpc/1.endpoint="+f.gateways[1].GRPC)
	for i, temporality := range temporalities {
		load.OverHTTP(t, "http://"+router.HTTP+"/v1/metrics")
		load.WhenFlushed(t)
		load.WithTemporality(t, temporality)
		f.workers = append(f.workers, load.NewService(t, vllm.TieringSpec(), worker(i),
			exporters.WithExporters("prometheus,otlp"), exporters.WithoutServer()))
	}
	return f
}

func worker(i int) string { return fmt.Sprintf("worker-%d", i) }

// measure records and exports several times, so that deltas have to be added up.
func (f *fleet) measure(t *testing.T) {
	t.Helper()
	for range 3 {
		for _, w := range f.workers {
			w.Measure(t, f.rounds)
			w.Flush(t)
		}
		f.rounds++
	}
}

// of returns the samples of a worker that a gateway shows.
func of(t *testing.T, c *servers.Collector, i int) exposition.Samples {
	t.Helper()
	families := exposition.Scrape(t, "http://"+c.Scrape+"/metrics")
	for _, family := range families {
		family.Metric = slices.DeleteFunc(family.Metric, func(m *dto.Metric) bool {
			return !slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool {
				// load.NewService derives the instance from the name of the service.
				return l.GetName() == "worker" && l.GetValue() == worker(i)+"-0"
			})
		})
	}
	return exposition.Flatten(t, families, "worker", "job", "instance")
}

// await waits until the condition returns nil.
func await(t *testing.T, condition func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = condition(); err == nil {
			return
		}
	}
	t.Error(err)
}

// shows returns the difference between the samples of a worker and those that a gateway
// shows of it.
func (f *fleet) shows(t *testing.T, c *servers.Collector, i int) error {
	t.Helper()
	if difference := exposition.Difference(f.workers[i].Exposed(t), of(t, c, i)); difference != "" {
		return fmt.Errorf("%s: %s", worker(i), difference)
	}
	return nil
}

// TestFleetRoutedByWorker tests that each worker reaches one of two gateways with all
// that it recorded, cumulative or deltas, and that totals come back after a gateway was
// killed.
func TestFleetRoutedByWorker(t *testing.T) {
	const totals, deltas = "cumulative", "delta"
	f := startFleet(t, "router.yaml", totals, deltas, totals, deltas, totals, deltas)
	f.measure(t)
	at := make([]int, len(f.workers))
	await(t, func() error {
		var errs []error
		for i := range f.workers {
			first, second := f.shows(t, f.gateways[0], i), f.shows(t, f.gateways[1], i)
			if at[i] = 0; first != nil {
				at[i] = 1
			}
			if first != nil && second != nil {
				errs = append(errs, first)
			}
		}
		return errors.Join(errs...)
	})
	shared := make(map[int]int)
	for i := range f.workers {
		shared[at[i]]++
		if n := len(of(t, f.gateways[1-at[i]], i)); n != 0 {
			t.Errorf("%s is at both gateways, with %d samples at the other", worker(i), n)
		}
	}
	t.Logf("workers at the gateways: %v", at)
	if len(shared) != 2 {
		t.Errorf("one gateway has all workers")
	}

	killed := f.gateways[at[0]]
	killed.Kill()
	f.measure(t)
	killed.Start(t)
	f.measure(t)
	await(t, func() error {
		var errs []error
		for i := range f.workers {
			if i%2 == 0 || at[i] != at[0] {
				errs = append(errs, f.shows(t, f.gateways[at[i]], i))
			}
		}
		return errors.Join(errs...)
	})
}

// TestFleetReplicated tests that both gateways show everything, also one while the other
// is down, and both again afterwards.
func TestFleetReplicated(t *testing.T) {
	f := startFleet(t, "replicate.yaml", "cumulative", "cumulative")
	everywhere := func(gateways ...*servers.Collector) {
		t.Helper()
		await(t, func() error {
			var errs []error
			for _, c := range gateways {
				for i := range f.workers {
					errs = append(errs, f.shows(t, c, i))
				}
			}
			return errors.Join(errs...)
		})
	}
	f.measure(t)
	everywhere(f.gateways[:]...)
	f.gateways[0].Kill()
	f.measure(t)
	everywhere(f.gateways[1])
	f.gateways[0].Start(t)
	f.measure(t)
	everywhere(f.gateways[:]...)
}
