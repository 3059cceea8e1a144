package prometheus_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
)

// TestUnknownEncodings: what a scraper asks for in vain fills no log.
func TestUnknownEncodings(t *testing.T) {
	reports := handleErrors(t)
	recorder := newRecorder(t, everyKind)
	measure(t, addEngine(t, recorder, 0))
	server := start(t, newHandler(t, newCollector(t, recorder)))
	for _, encoding := range []string{"br", "zstd", "identity;q=0", "*;q=0", "br, identity;q=0", ";;;,", "gzip;q=x"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept-Encoding", encoding)
		response, err := client(t, nil).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || len(text) == 0 {
			t.Errorf("%q: status %d, %d bytes", encoding, response.StatusCode, len(text))
		}
	}
	if err := reports.joined(); err != nil {
		t.Errorf("reported: %v", err)
	}
}

// TestManyConnections: connections without a request and readers that do not read cost
// no recording its time, and scrapes come back after them.
func TestManyConnections(t *testing.T) {
	recorder := newRecorder(t, everyKind, otelkv.WithSeriesLimit(0))
	engine := addEngine(t, recorder, 0)
	for i := range 20_000 {
		must[otelkv.Int64Counter](t)(engine.Int64Counter(loadBytes, fmt.Sprint("tier ", i))).Add(1)
	}
	server := start(t, newHandler(t, newCollector(t, recorder)), prometheus.WithTimeouts(prometheus.Timeouts{Write: time.Second}))
	var open []net.Conn
	for i := range 200 {
		conn, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		open = append(open, conn)
		if i%5 == 0 { // It reads nothing of the answer.
			_ = conn.(*net.TCPConn).SetReadBuffer(4096)
			_, _ = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}
	}
	counter := must[otelkv.Int64Counter](t)(engine.Int64Counter(loadBytes, "tier 0"))
	slowest := time.Duration(0)
	for range 1000 {
		began := time.Now()
		counter.Add(1)
		slowest = max(slowest, time.Since(began))
	}
	if slowest > time.Second {
		t.Errorf("a recording took %v", slowest)
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		response, err := client(t, nil).Get(server.URL())
		if err == nil {
			text, readErr := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK && readErr == nil && len(text) > 0 {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no scrape is answered while %d connections are open: %v", len(open), err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
