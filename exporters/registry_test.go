package exporters_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/exporters"
)

// scrapedReader is a reader of a host's own exporter that is scraped.
type scrapedReader struct{ *sdkmetric.ManualReader }

func (scrapedReader) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("own")) })
}

func TestRegistry(t *testing.T) {
	registry := exporters.NewRegistry()
	factory := func(context.Context, exporters.Settings) (sdkmetric.Reader, error) {
		return scrapedReader{sdkmetric.NewManualReader()}, nil
	}
	if err := registry.Register("own", factory); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"console", "none", "otlp", "own", "prometheus"}, registry.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	t.Run("chosen by the environment", func(t *testing.T) {
		t.Setenv("OTEL_METRICS_EXPORTER", "own")
		pipeline := newPipeline(t, exporters.WithRegistry(registry))
		if text := scrape(t, pipeline); text != "own" {
			t.Errorf("scrape %q, want the registered exporter's", text)
		}
	})
	t.Run("another registry does not know it", func(t *testing.T) {
		_, err := exporters.New(t.Context(), catalogue, exporters.WithExporters("own"))
		if !errors.Is(err, exporters.ErrUnknownExporter) {
			t.Errorf("error %v, want ErrUnknownExporter", err)
		}
	})
	for _, test := range []struct {
		name    string
		factory exporters.Factory
		want    string
	}{
		{"own", factory, "given twice"},
		{"otlp", factory, "given twice"},
		{"none", factory, "given twice"},
		{"", factory, "expected a word"},
		{"a,b", factory, "expected a word"},
		{"a b", factory, "expected a word"},
		{"nil", nil, "no factory"},
	} {
		t.Run("refuses "+test.name, func(t *testing.T) {
			if err := registry.Register(test.name, test.factory); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want it to say %q", err, test.want)
			}
		})
	}
	if err := registry.Register("own", factory); !errors.Is(err, exporters.ErrDuplicateExporter) {
		t.Errorf("error %v, want ErrDuplicateExporter", err)
	}
}
