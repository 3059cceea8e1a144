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

// TestSimulator scrapes before the first step, as a router that looks for the
// metrics does, and until the load shows.
func TestSimulator(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	listening, proceed, ended := make(chan *exporters.Pipeline), make(chan struct{}), make(chan error)
	go func() {
		o := options{listen: "127.0.0.1:0", model: "m", engines: 2, tiers: []string{"1:fs"}, interval: time.Millisecond, seed: 1}
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
		t.Errorf("the trio has %v bytes, loads and stores have %v", trio, moved)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestBadOptions(t *testing.T) {
	if err := run(t.Context(), options{}, nil); err == nil {
		t.Error("ran without an interval")
	}
}
