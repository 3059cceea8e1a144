package docs

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

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
	catalogue := vllm.TieringSpec()
	exporter, err := prometheus.New(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	defer func() { _ = provider.Shutdown(t.Context()) }()
	recorder, err := otelkv.New(catalogue, otelkv.WithMeterProvider(provider))
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
	exporter.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(string(shown[1])) {
		if !strings.Contains("\n"+answer.Body.String(), "\n"+line) {
			t.Errorf("the scrape lacks the README's line %s", line)
		}
	}
}
