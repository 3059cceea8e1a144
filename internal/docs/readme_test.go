package docs

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// The README's program leaves the lines that the README shows of its scrape.
func TestReadmeScrape(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)\n```\n(# HELP vllm:.*?)```\n").FindSubmatch(text)
	if shown == nil {
		t.Fatal("the README shows no scrape")
	}
	recorder, err := otelkv.New(vllm.TieringSpec())
	if err != nil {
		t.Fatal(err)
	}
	collector, err := prometheus.NewCollector(recorder)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := prometheus.NewHandler([]*prometheus.Collector{collector})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := recorder.AddEngine(0, "llama", otelkv.WithTiers("1:fs"), otelkv.WithPriming())
	if err != nil {
		t.Fatal(err)
	}
	read, err := engine.Int64Counter(vllm.TieringReadBytes, "1:fs")
	if err != nil {
		t.Fatal(err)
	}
	read.Add(4 << 20)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(string(shown[1])) {
		if !strings.Contains("\n"+answer.Body.String(), "\n"+line) {
			t.Errorf("the scrape lacks the README's line %s", line)
		}
	}
}
