// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/cleanenv"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func TestMain(m *testing.M) {
	cleanenv.Unset()
	os.Exit(m.Run())
}

func scrape(t *testing.T, pipeline *exporters.Pipeline) map[string]*dto.MetricFamily {
	t.Helper()
	response, err := http.Get("http://" + pipeline.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<22))
	if err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func sum(family *dto.MetricFamily) float64 {
	total := 0.0
	for _, m := range family.GetMetric() {
		total += m.GetCounter().GetValue()
	}
	return total
}

// TestSimulator scrapes before the first step, as a router does, and then until the load
// shows.
func TestSimulator(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	listening, proceed, ended := make(chan *exporters.Pipeline), make(chan struct{}), make(chan error)
	go func() {
		o := options{listen: "127.0.0.1:0", model: "m", engines: 2, tiers: []string{"fs"}, interval: time.Millisecond, seed: 1}
		ended <- run(ctx, o, func(pipeline *exporters.Pipeline) { listening <- pipeline; <-proceed })
	}()
	pipeline := <-listening
	families := scrape(t, pipeline)
	for _, name := range []string{
		"vllm:kv_offload_cpu_cache_usage_perc", "vllm:kv_offload_load_bytes_total",
		"vllm:kv_offload_store_bytes_total", "vllm:kv_offload_total_bytes_total", "vllm:kv_offload_load_size",
	} {
		if families[name] == nil {
			t.Errorf("%s is absent before the first step", name)
		}
	}
	if n := len(families["vllm:kv_offload_tiering_chunk_hits_total"].GetMetric()); n != 4 {
		t.Errorf("%d series of hits, want those of two engines and two tiers", n)
	}
	close(proceed)
	for ctx.Err() == nil && sum(families["vllm:kv_offload_load_bytes_total"]) == 0 {
		families = scrape(t, pipeline)
	}
	moved := sum(families["vllm:kv_offload_load_bytes_total"]) + sum(families["vllm:kv_offload_store_bytes_total"])
	if trio := sum(families["vllm:kv_offload_total_bytes_total"]); moved == 0 || trio != moved {
		t.Errorf("the deprecated metrics have %v bytes, loads and stores have %v", trio, moved)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestLoadIsConsistent checks the relations between metrics after any number of steps.
func TestLoadIsConsistent(t *testing.T) {
	c, err := catalogue()
	if err != nil {
		t.Fatal(err)
	}
	recorder := otelkvtest.NewRecorder(t, c)
	engine, err := recorder.AddEngine(0, "m", otelkv.WithTiers("fs", "obj"), otelkv.WithPriming())
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLoad(engine, 1)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		l.step()
		got := recorder.Collect()
		value := func(m schema.Metric, tier ...string) float64 {
			labels := otelkvtest.Labels{}
			if len(tier) > 0 {
				labels["tier"] = tier[0]
			}
			return got.Value(m, labels)
		}
		usage, read, write := value(vllm.CPUCacheUsage), value(vllm.CPUCacheReadUsage), value(vllm.CPUCacheWriteUsage)
		if usage != read+write || usage <= 0 || usage > 1 {
			t.Errorf("usage %v, read %v, write %v", usage, read, write)
		}
		asked, promoted := value(vllm.TieringChunkQueries, "0:primary"), value(vllm.TieringChunkHits, "0:primary")
		for _, tier := range []string{"1:fs", "2:obj"} {
			if queries := value(vllm.TieringChunkQueries, tier); queries != asked-promoted {
				t.Errorf("tier %s has %v queries, want the %v that nobody above had", tier, queries, asked-promoted)
			}
			hits := value(vllm.TieringChunkHits, tier)
			promoted += hits
			if read := value(vllm.TieringReadBytes, tier); read != hits*chunk {
				t.Errorf("tier %s has read %v bytes for %v hits", tier, read, hits)
			}
			if written := value(vllm.TieringWriteBytes, tier); written != value(vllm.StoreBytes) {
				t.Errorf("tier %s has %v bytes of the %v stored", tier, written, value(vllm.StoreBytes))
			}
		}
		if loaded := value(vllm.LoadBytes); loaded != promoted*chunk {
			t.Errorf("%v bytes are loaded, and %v chunks were found", loaded, promoted)
		}
		if tokens := value(vllm.ExternalPrefixCacheHits); tokens != promoted*blocks*block {
			t.Errorf("%v tokens and %v chunks were found", tokens, promoted)
		}
	}
}

func TestBadOptions(t *testing.T) {
	good := options{engines: 1, interval: time.Second, tiers: []string{"fs", "fs"}}
	if err := good.check(nil); err != nil {
		t.Error(err)
	}
	bad := options{}
	err := bad.check([]string{"more"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`argument "more"`, "-engines is 0", "-interval is 0s",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %s:\n%v", want, err)
		}
	}
	labelled := good
	labelled.tiers = []string{"1:fs"}
	if err := run(t.Context(), labelled, nil); err == nil || !strings.Contains(err.Error(), `tier "1:fs": expected a type like "fs"`) {
		t.Errorf("a label for a type: got %v", err)
	}
}
