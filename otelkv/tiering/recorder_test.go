// SPDX-License-Identifier: Apache-2.0

package tiering_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestBothDestinationsExportTheSame gives the same random events to a tracker that
// records to one engine, and to one whose payloads another engine observes.
// Nothing that is exported may tell them apart but the engine.
func TestBothDestinationsExportTheSame(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	engine := func(index int) *otelkv.Engine {
		e, err := recorder.AddEngine(index, "m")
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	direct, observing := engine(0), engine(1)
	drive(t, connector.WithBinder(direct), func(p *stats.Payload) {
		if p != nil {
			t.Error("a tracker with a binder gave a payload")
		}
	})
	drive(t, connector.WithBinder(nil), func(p *stats.Payload) {
		if err := observing.Observe(context.Background(), p); err != nil {
			t.Error(err)
		}
	})

	got := recorder.Collect()
	if err := otelkvtest.Check(vllm.TieringSpec(), got.ResourceMetrics); err != nil {
		t.Error(err)
	}
	metrics := append(vllm.Tiering(), vllm.CPU(0)...)
	metrics = append(metrics, vllm.BackPressure()...)
	for _, metric := range metrics {
		name := metric.Definition().PrometheusName
		want := byTier(got.Select(metric, otelkvtest.Labels{schema.LabelEngine: "1"}))
		if len(want) == 0 {
			t.Errorf("%s was never recorded", name)
		}
		if diff := cmp.Diff(want, byTier(got.Select(metric, otelkvtest.Labels{schema.LabelEngine: "0"}))); diff != "" {
			t.Errorf("%s (-payload +binder):\n%s", name, diff)
		}
	}
}

// pressedSoon is a detector that one slow store brings under pressure.
var pressedSoon = tiering.BackPressure{Policy: tiering.DropStorePolicy, HighWater: 1e-9, LowWater: 1e-10, Alpha: 1}

// drive gives a tracker and a pool events in an order that is always the same,
// and takes now and then.
func drive(t *testing.T, out connector.Option, taken func(*stats.Payload)) {
	t.Helper()
	r, c := rand.New(rand.NewPCG(7, 7)), newClock()
	tracker := newTracker(t, tiering.Config{
		SecondaryTiers: []string{"fs", "p2p"}, PrimaryChunks: modelChunks, ChunkSize: modelChunkSize,
		BackPressure: map[int]tiering.BackPressure{1: pressedSoon},
	}, connector.WithClock(c.read), out)
	pool := newPool(t, tiering.Config{PrimaryChunks: 8}, out)
	m := &model{requests: map[string]map[string]any{}, totals: reduced{}}
	for range 3000 {
		m.step(r, c, tracker)
		tracker.AdmitStore(1, 2)
		pool.RecordAllocation(r.IntN(9))
		pool.SetCounts(tiering.PoolCounts{Allocated: r.IntN(9), WritePending: r.IntN(3)})
		if r.IntN(25) == 0 {
			taken(tracker.Take())
			taken(pool.Take())
		}
	}
	taken(tracker.Take())
	taken(pool.Take())
}

// A point is what a series exports, without what differs between engines.
type point struct {
	Value, Sum float64
	Buckets    []uint64
}

func byTier(points []otelkvtest.Point) map[string]point {
	tiers := map[string]point{}
	for _, p := range points {
		tier, _ := p.Attributes.Value(schema.LabelTier)
		tiers[tier.AsString()] = point{
			Value: math.Round(p.Value*1e6) / 1e6, Sum: math.Round(p.Sum*1e6) / 1e6, Buckets: p.Buckets,
		}
	}
	return tiers
}
