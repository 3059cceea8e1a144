// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

const request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"

// A scraper misuses one connection.
type scraper func(t *testing.T, connection *net.TCPConn)

// saysNothing sends half a request, and is cut off.
func saysNothing(t *testing.T, connection *net.TCPConn) {
	if _, err := io.WriteString(connection, request[:20]); err != nil {
		t.Error(err)
	}
	awaitEnd(t, connection)
}

// idles sends one request and keeps the connection open, and is cut off.
func idles(t *testing.T, connection *net.TCPConn) {
	if _, err := io.WriteString(connection, request); err != nil {
		t.Error(err)
	}
	awaitEnd(t, connection)
}

// disconnects closes the connection in the middle of the answer.
func disconnects(t *testing.T, connection *net.TCPConn) {
	if _, err := io.WriteString(connection, request); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(connection, make([]byte, 100)); err != nil {
		t.Error(err)
	}
	// So that the kernel resets the connection rather than reading the rest of the
	// answer.
	if err := connection.SetLinger(0); err != nil {
		t.Error(err)
	}
}

// awaitEnd reads until the server closes the connection.
func awaitEnd(t *testing.T, connection *net.TCPConn) {
	if err := connection.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Error(err)
	}
	_, err := io.Copy(io.Discard, connection)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the server kept the connection: %v", err)
	}
}

// TestScraperFails tests that fifty misbehaving scrapers at a time do not harm other
// scrapers or recording.
func TestScraperFails(t *testing.T) {
	const soon = time.Second
	tests := []struct {
		name      string
		scraper   scraper
		configure func(*http.Server, *http.ServeMux)
	}{
		{"hangs in the request", saysNothing, func(s *http.Server, _ *http.ServeMux) { s.ReadHeaderTimeout = soon }},
		{"idles", idles, func(s *http.Server, _ *http.ServeMux) { s.IdleTimeout = soon }},
		{"disconnects half-way", disconnects, func(*http.Server, *http.ServeMux) {}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			handleErrors(t)
			service := scraped(t, exporters.WithServer("", prometheus.WithHTTPServer(test.configure)))
			var scrapers sync.WaitGroup
			var done atomic.Int64
			for range 50 {
				connection, err := net.Dial("tcp", service.Pipeline.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				scrapers.Go(func() {
					defer func() { _ = connection.Close() }()
					test.scraper(t, connection.(*net.TCPConn))
					done.Add(1)
				})
			}
			recorded := record(t, service, func() bool { return done.Load() == 50 })
			scrapers.Wait()
			families := exposition.Scrape(t, service.Pipeline.URL())
			lost := float64(recorded.increments) - exposition.Flatten(t, families).Sum("vllm:kv_offload_load_bytes_total")
			t.Logf("lost %v of %d bytes", lost, recorded.increments)
			if lost != 0 {
				t.Error("totals are lost")
			}
		})
	}
}

// TestManyScrapers tests that each of fifty scrapers at once gets a complete scrape or a
// 503, while recording goes on.
func TestManyScrapers(t *testing.T) {
	handleErrors(t)
	service := scraped(t)
	url := service.Pipeline.URL()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	var scrapers sync.WaitGroup
	var served, refused, done atomic.Int64
	for range 50 {
		scrapers.Go(func() {
			defer done.Add(1)
			last := 0.0
			for range 4 {
				response, err := client.Get(url)
				if err != nil {
					t.Error(err)
					return
				}
				switch response.StatusCode {
				case http.StatusOK:
					served.Add(1)
					total := exposition.Flatten(t, exposition.Families(t, response.Body)).Sum("vllm:kv_offload_load_bytes_total")
					if total < last {
						t.Errorf("a total fell from %v to %v", last, total)
					}
					last = total
				case http.StatusServiceUnavailable:
					refused.Add(1)
				default:
					t.Errorf("status %s", response.Status)
				}
				response.Body.Close()
			}
		})
	}
	recorded := record(t, service, func() bool { return done.Load() == 50 })
	scrapers.Wait()
	t.Logf("%d scrapes served and %d refused while %d bytes were recorded", served.Load(), refused.Load(), recorded.increments)
	if served.Load() == 0 {
		t.Error("nobody was served")
	}
	got := service.Exposed(t).Sum("vllm:kv_offload_load_bytes_total")
	if got != float64(recorded.increments) {
		t.Errorf("a scrape shows %v bytes, %d were recorded", got, recorded.increments)
	}
}

// scraped returns a service that serves scrapes.
func scraped(t *testing.T, options ...exporters.Option) *load.Service {
	t.Helper()
	return load.NewService(t, vllm.TieringSpec(), "scraped", append(options,
		exporters.WithExporters("prometheus"), exporters.WithServer("127.0.0.1:0"))...)
}
