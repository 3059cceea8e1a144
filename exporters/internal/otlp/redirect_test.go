// SPDX-License-Identifier: Apache-2.0

package otlp_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/exporters/internal/otlp"
)

// exportTo sends an empty request to an endpoint, with a key in a header.
func exportTo(t *testing.T, endpoint string) error {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key="+secret)
	exporter, err := otlp.New(t.Context(), quick)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exporter.Shutdown(t.Context()) }()
	return exporter.Export(t.Context(), &metricdata.ResourceMetrics{})
}

// TestRedirects tests that no redirect sends the headers to another host, and that a
// redirect on the same host is followed if the metrics are sent again.
func TestRedirects(t *testing.T) {
	for status, followed := range map[int]bool{
		http.StatusMovedPermanently: false, http.StatusFound: false, http.StatusSeeOther: false,
		http.StatusTemporaryRedirect: true, http.StatusPermanentRedirect: true,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			var others, own, bytes atomic.Int64
			other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { others.Add(1) }))
			defer other.Close()
			collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/moved":
					own.Add(1)
					n, _ := io.Copy(io.Discard, r.Body)
					bytes.Add(n)
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
			err = exportTo(t, collector.URL+"/same")
			if arrived := own.Load() == 1 && bytes.Load() > 0; arrived != followed || (err == nil) != followed {
				t.Errorf("on the same host: %d requests, %d bytes, error %v; followed should be %t", own.Load(), bytes.Load(), err, followed)
			}
		})
	}
}
