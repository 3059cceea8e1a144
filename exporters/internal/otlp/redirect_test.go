package otlp_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/exporters/internal/otlp"
)

// exportTo exports nothing in particular to an endpoint, with a key in a header.
func exportTo(t *testing.T, endpoint string) error {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key="+secret)
	exporter, err := otlp.New(t.Context(), otlp.WithProtocol(otlp.ProtocolHTTPProtobuf))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exporter.Shutdown(t.Context()) }()
	return exporter.Export(t.Context(), &metricdata.ResourceMetrics{})
}

// TestRedirects: a collector that redirects does not get the headers sent elsewhere.
// A redirect on the same host is followed.
func TestRedirects(t *testing.T) {
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			var others, own atomic.Int64
			other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { others.Add(1) }))
			defer other.Close()
			collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/moved":
					own.Add(1)
				case strings.HasPrefix(r.URL.Path, "/same/"):
					http.Redirect(w, r, "/moved", status)
				default:
					http.Redirect(w, r, other.URL, status)
				}
			}))
			defer collector.Close()
			err := exportTo(t, collector.URL)
			if err == nil || !strings.Contains(err.Error(), "redirects to another host") || strings.Contains(err.Error(), secret) {
				t.Errorf("error %v, want one that names the redirect", err)
			}
			if n := others.Load(); n != 0 {
				t.Errorf("%d requests came to the other host", n)
			}
			if err := exportTo(t, collector.URL+"/same"); err != nil || own.Load() != 1 {
				t.Errorf("on the same host: %d requests, %v", own.Load(), err)
			}
		})
	}
}

// TestRetryAfterIsBounded: a collector that asks for an hour does not hold an export
// for longer than it has.
func TestRetryAfterIsBounded(t *testing.T) {
	var requests atomic.Int64
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer collector.Close()
	began := time.Now()
	if err := exportTo(t, collector.URL); err == nil {
		t.Error("no error")
	}
	if took := time.Since(began); took > 5*time.Second || requests.Load() != 1 {
		t.Errorf("the export took %v and %d requests", took, requests.Load())
	}
}
