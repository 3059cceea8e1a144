// SPDX-License-Identifier: Apache-2.0

package connector_test

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// reduced is a payload in the flat form of vLLM's logger, with the info that the
// logger leaves out, and nil for no payload.
type reduced map[string]float64

func reduce(p *stats.Payload) reduced {
	if p == nil {
		return nil
	}
	r := reduced{}
	for key, value := range p.Reduce().All() {
		r[key] = value.Float64()
	}
	for metric := range p.Metrics() {
		if metric.Name() != vllm.SimpleInfo.PrometheusName {
			continue
		}
		for entry := range metric.Entries() {
			labels := "('" + strings.Join(entry.LabelValues(), "', '") + "')"
			r[metric.Name()+":"+labels] = entry.Value().Float64()
		}
	}
	return r
}

// simple returns what every payload of a CPU pool of 64 blocks holds, and
// everything in also.
func simple(used, pending float64, also ...reduced) reduced {
	r := reduced{
		"vllm:simple_kv_offload_used_blocks":                          used,
		"vllm:simple_kv_offload_pending_store_blocks":                 pending,
		"vllm:simple_kv_offload_info:('cpu', 'false', 'false', '64')": 1,
	}
	for _, part := range also {
		maps.Copy(r, part)
	}
	return r
}

func outcome(label string, n float64) reduced {
	return reduced{"vllm:simple_kv_offload_save_outcomes_total:('" + label + "',)": n}
}

func loaded(blocks float64) reduced {
	return reduced{"vllm:simple_kv_offload_load_blocks_total": blocks}
}

func cpuInfo() connector.SimpleCPUInfo { return connector.SimpleCPUInfo{CapacityBlocks: 64} }

func newSimpleCPU(t testing.TB, info connector.SimpleCPUInfo, opts ...connector.Option) *connector.SimpleCPU {
	t.Helper()
	tracker, err := connector.NewSimpleCPU(info, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return tracker
}

// step is what happens before one take, and what it then returns.
type step struct {
	name   string
	events func(*connector.SimpleCPU)
	want   reduced
}

// TestVLLMSimpleConnector holds the cases of vLLM's own tests of its simple CPU
// offload connector that concern what is sent.
func TestVLLMSimpleConnector(t *testing.T) {
	nothing := func(*connector.SimpleCPU) {}
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"outcome deltas then none", []step{
			{"first drain", func(tracker *connector.SimpleCPU) {
				tracker.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: 3, DroppedCPUFull: 2, SkippedInFlight: 1})
			}, simple(0, 0, outcome("stored", 3), outcome("dropped_cpu_full", 2), outcome("skipped_in_flight", 1))},
			{"second drain", func(tracker *connector.SimpleCPU) {
				tracker.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: 3, DroppedCPUFull: 2, SkippedInFlight: 1})
			}, simple(0, 0)},
			{"totals grow", func(tracker *connector.SimpleCPU) {
				tracker.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: 7, DroppedCPUFull: 2, SkippedInFlight: 1})
			}, simple(0, 0, outcome("stored", 4))},
		}},
		{"reset keeps undrained", []step{
			{"drained", func(tracker *connector.SimpleCPU) {
				tracker.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: 2})
			}, simple(0, 0, outcome("stored", 2))},
			{"reset before the drain", func(tracker *connector.SimpleCPU) {
				tracker.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: 5})
				tracker.ResetOutcomes()
			}, simple(0, 0, outcome("stored", 3))},
			{"after the reset", func(tracker *connector.SimpleCPU) {
				tracker.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: 6})
			}, simple(0, 0, outcome("stored", 6))},
		}},
		{"a total that goes down began again", []step{
			{"before", func(tracker *connector.SimpleCPU) {
				tracker.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: 5, DroppedNullBlock: 1})
			}, simple(0, 0, outcome("stored", 5), outcome("dropped_null_block", 1))},
			{"after", func(tracker *connector.SimpleCPU) {
				tracker.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: 2, DroppedNullBlock: 1})
			}, simple(0, 0, outcome("stored", 2))},
			{"negative", func(tracker *connector.SimpleCPU) {
				tracker.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: -4, DroppedNullBlock: 1})
			}, simple(0, 0)},
			{"from negative", func(tracker *connector.SimpleCPU) {
				tracker.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: 1, DroppedNullBlock: 1})
			}, simple(0, 0, outcome("stored", 1))},
		}},
		{"pending queued, issued and abandoned, re-sent", []step{
			{"startup zeros", nothing, simple(0, 0)},
			{"counted", func(tracker *connector.SimpleCPU) {
				tracker.SetBlocks(connector.SimpleCPUBlocks{Free: 57, Queued: 1, Issued: 1, Abandoned: 1})
			}, simple(7, 3)},
			{"re-sent", nothing, simple(7, 3)},
			{"more free than there are", func(tracker *connector.SimpleCPU) {
				tracker.SetBlocks(connector.SimpleCPUBlocks{Free: 65, Queued: -1})
			}, simple(0, 0)},
		}},
		{"load blocks", []step{
			{"before completion", func(tracker *connector.SimpleCPU) { tracker.RecordLoad(0) }, simple(0, 0)},
			{"after completion, also when abandoned", func(tracker *connector.SimpleCPU) {
				tracker.RecordLoad(1)
				tracker.ResetOutcomes()
				tracker.RecordLoad(1)
				tracker.RecordLoad(-1)
			}, simple(0, 0, loaded(2))},
			{"drained", nothing, simple(0, 0)},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var series stats.Payload
			sending, direct := newSimpleCPU(t, cpuInfo()), newSimpleCPU(t, cpuInfo(), connector.WithBinder(&series))
			for _, s := range test.steps {
				s.events(sending)
				mustEqual(t, s.name, s.want, reduce(sending.Take()))
				s.events(direct)
				if direct.Take() != nil {
					t.Error("a tracker with a binder gave a payload")
				}
				mustEqual(t, s.name+", with a binder", s.want, reduce(series.Take()))
			}
		})
	}
}

func TestSimpleCPUGaugesFollowBlocksWithBinder(t *testing.T) {
	var series stats.Payload
	tracker := newSimpleCPU(t, cpuInfo(), connector.WithBinder(&series))
	mustEqual(t, "at the start", simple(0, 0), reduce(series.Take()))
	tracker.SetBlocks(connector.SimpleCPUBlocks{Free: 60, Issued: 2})
	mustEqual(t, "set", simple(4, 2), reduce(series.Take()))
}

func TestSimpleCPUTakeInto(t *testing.T) {
	tracker := newSimpleCPU(t, cpuInfo())
	pool := newSimpleCPUPool(t, connector.SimpleCPUPoolCounts{Total: 4, Free: 3})
	var dst stats.Payload
	for range 2 {
		if !tracker.TakeInto(&dst) {
			t.Error("a tracker's TakeInto returned false")
		}
		mustEqual(t, "tracker", simple(0, 0), reduce(&dst))
		if !pool.TakeInto(&dst) {
			t.Error("a pool's TakeInto returned false")
		}
		mustEqual(t, "pool", poolGauges(4, 3, 1, 0.25, 0, 0), reduce(&dst))
	}
}

// TestVLLMSimpleReduce holds vLLM's case of what its log line says.
func TestVLLMSimpleReduce(t *testing.T) {
	tracker := newSimpleCPU(t, cpuInfo())
	tracker.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: 3})
	tracker.SetBlocks(connector.SimpleCPUBlocks{Free: 57, Queued: 4})
	tracker.RecordLoad(9)
	want := simple(7, 4, outcome("stored", 3), loaded(9))
	maps.DeleteFunc(want, func(key string, _ float64) bool { return strings.HasPrefix(key, vllm.SimpleInfo.PrometheusName) })
	got := reduced{}
	for key, value := range tracker.Take().Reduce().All() {
		got[key] = value.Float64()
	}
	mustEqual(t, "log line", want, got)
}

func TestSimpleCPUAggregate(t *testing.T) {
	one, two := newSimpleCPU(t, cpuInfo()), newSimpleCPU(t, cpuInfo())
	one.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: 3, DroppedCPUFull: 1})
	one.SetBlocks(connector.SimpleCPUBlocks{Free: 57})
	two.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: 4})
	two.SetBlocks(connector.SimpleCPUBlocks{Free: 62})
	sum := one.Take()
	if err := sum.Merge(two.Take()); err != nil {
		t.Fatal(err)
	}
	mustEqual(t, "merged", simple(2, 0, outcome("stored", 7), outcome("dropped_cpu_full", 1)), reduce(sum))
}

// TestOutcomeLabels holds that labels and fields are one to one.
func TestSimpleCPUOutcomeLabels(t *testing.T) {
	fields := reflect.TypeFor[connector.SimpleCPUOutcomes]()
	var labels []string
	for i := range fields.NumField() {
		var totals connector.SimpleCPUOutcomes
		reflect.ValueOf(&totals).Elem().Field(i).SetInt(1)
		tracker := newSimpleCPU(t, cpuInfo())
		tracker.ObserveOutcomes(totals)
		for metric := range tracker.Take().Metrics() {
			if metric.Name() != vllm.SimpleSaveOutcomes.PrometheusName {
				continue
			}
			for entry := range metric.Entries() {
				label := entry.LabelValues()[0]
				if field := fields.Field(i).Name; !strings.EqualFold(strings.ReplaceAll(label, "_", ""), field) {
					t.Errorf("field %s has the label %s", field, label)
				}
				labels = append(labels, label)
			}
		}
	}
	if want := vllm.SimpleSaveOutcomes.LabelValues["outcome"]; !slices.Equal(labels, want) {
		t.Errorf("labels are %q, the catalogue has %q", labels, want)
	}
}

func TestSimpleCPUInfo(t *testing.T) {
	for _, test := range []struct {
		name string
		info connector.SimpleCPUInfo
		want string
	}{
		{"cpu", connector.SimpleCPUInfo{CapacityBlocks: 64}, "('cpu', 'false', 'false', '64')"},
		{"cpu ignores the page cache", connector.SimpleCPUInfo{PageCache: true}, "('cpu', 'false', 'false', '0')"},
		{"disk", connector.SimpleCPUInfo{Disk: true, PageCache: true, CapacityBlocks: 8}, "('disk', 'true', 'false', '8')"},
		{"lazy", connector.SimpleCPUInfo{Disk: true, LazyOffload: true, CapacityBlocks: 8}, "('disk', 'false', 'true', '8')"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := reduce(newSimpleCPU(t, test.info).Take())
			if key := vllm.SimpleInfo.PrometheusName + ":" + test.want; got[key] != 1 {
				t.Errorf("%s is not 1 in %v", key, got)
			}
		})
	}
}

func TestNewSimpleCPUErrors(t *testing.T) {
	var taken stats.Payload
	if err := taken.RecordGauge(vllm.SimpleLoadBlocks.PrometheusName, stats.Int64(1)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		info connector.SimpleCPUInfo
		opts []connector.Option
		want string
	}{
		{"negative capacity", connector.SimpleCPUInfo{CapacityBlocks: -1}, nil,
			`otelkv: metric "vllm:simple_kv_offload_info": label capacity_blocks is -1, expected at least 0`},
		{"binder", cpuInfo(), []connector.Option{connector.WithBinder(&taken)}, vllm.SimpleLoadBlocks.PrometheusName},
	} {
		t.Run(test.name, func(t *testing.T) {
			tracker, err := connector.NewSimpleCPU(test.info, test.opts...)
			if tracker != nil || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("NewSimpleCPU returned %v, %v, want an error with\n%s", tracker, err, test.want)
			}
		})
	}
}

func TestSimpleCPUConcurrentUse(t *testing.T) {
	const workers, loads = 4, 200
	tracker := newSimpleCPU(t, cpuInfo())
	var sum, taken stats.Payload
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for i := range loads {
				tracker.RecordLoad(2)
				tracker.SetBlocks(connector.SimpleCPUBlocks{Free: i % 64})
			}
		})
	}
	for i := range loads {
		tracker.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: int64(i + 1)})
		tracker.TakeInto(&taken)
		if err := errors.Join(sum.Merge(&taken), sum.Merge(tracker.Take())); err != nil {
			t.Fatal(err)
		}
	}
	wait.Wait()
	if err := sum.Merge(tracker.Take()); err != nil {
		t.Fatal(err)
	}
	got := reduce(&sum)
	for key, want := range all(loaded(2*workers*loads), outcome("stored", loads)) {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
}

// TestResetOffThread resets while another goroutine observes. What the source
// counted once is counted again at most once a reset.
func TestSimpleCPUResetOffThread(t *testing.T) {
	const resets = 200
	tracker := newSimpleCPU(t, cpuInfo())
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for range resets {
				tracker.ResetOutcomes()
			}
		})
	}
	for range resets {
		tracker.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: 1})
	}
	wait.Wait()
	key := "vllm:simple_kv_offload_save_outcomes_total:('stored',)"
	if got := reduce(tracker.Take())[key]; got < 1 || got > resets {
		t.Errorf("%v stores, want 1 to %d", got, resets)
	}
}

func all(parts ...reduced) reduced {
	r := reduced{}
	for _, part := range parts {
		maps.Copy(r, part)
	}
	return r
}

func TestSimpleCPUStepsDoNotAllocate(t *testing.T) {
	tracker := newSimpleCPU(t, cpuInfo())
	pool := newSimpleCPUPool(t, connector.SimpleCPUPoolCounts{Total: 64, Free: 64})
	var taken stats.Payload
	totals := connector.SimpleCPUOutcomes{}
	step := func() {
		totals.Stored++
		tracker.ObserveOutcomes(totals)
		tracker.SetBlocks(connector.SimpleCPUBlocks{Free: 3})
		tracker.RecordLoad(2)
		tracker.TakeInto(&taken)
		pool.SetCounts(connector.SimpleCPUPoolCounts{Total: 64, Free: 2})
		pool.TakeInto(&taken)
	}
	for range 3 {
		step()
	}
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("a step allocates %v times, want 0", n)
	}
}

func ExampleSimpleCPU() {
	tracker, err := connector.NewSimpleCPU(connector.SimpleCPUInfo{CapacityBlocks: 64})
	if err != nil {
		fmt.Println(err)
		return
	}
	tracker.ObserveOutcomes(connector.SimpleCPUOutcomes{Stored: 3, DroppedCPUFull: 1})
	tracker.SetBlocks(connector.SimpleCPUBlocks{Free: 61, Issued: 2})
	tracker.RecordLoad(2)
	for key, value := range tracker.Take().Reduce().All() {
		fmt.Println(key, value)
	}
	// Unordered output:
	// vllm:simple_kv_offload_used_blocks 3
	// vllm:simple_kv_offload_pending_store_blocks 2
	// vllm:simple_kv_offload_save_outcomes_total:('stored',) 3
	// vllm:simple_kv_offload_save_outcomes_total:('dropped_cpu_full',) 1
	// vllm:simple_kv_offload_load_blocks_total 2
}
