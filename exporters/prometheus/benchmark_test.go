// SPDX-License-Identifier: Apache-2.0

package prometheus_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkScrape scrapes 200 engines of six counters and gauges and a histogram.
func BenchmarkScrape(b *testing.B) {
	recorder := newRecorder(b, everyKind)
	for i := range 200 {
		measure(b, addEngine(b, recorder, i))
	}
	collector := newCollector(b, recorder)
	for name, handler := range map[string]http.Handler{"handler": newHandler(b, collector), "registry": registryHandler(collector)} {
		b.Run(name, func(b *testing.B) {
			request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			b.ReportAllocs()
			for b.Loop() {
				answer := httptest.NewRecorder()
				handler.ServeHTTP(answer, request)
				if answer.Code != http.StatusOK {
					b.Fatal(answer.Code)
				}
			}
		})
	}
}
