// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/internal/e2e/loopback"
)

// A Collector is an OpenTelemetry Collector that a test started.
type Collector struct {
	*Process
	// GRPC and HTTP are the addresses of its OTLP receivers. Scrape is the address of its
	// exporter for Prometheus, or empty if its configuration has none.
	GRPC, HTTP, Scrape string

	path      string
	arguments []string
}

// StartCollector runs a Collector until the test ends. The configuration is a path in the
// repository. The addresses are free ones, and settings, each path=value, have priority
// over the file.
func StartCollector(t testing.TB, configuration string, settings ...string) *Collector {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("..", "..", "..", configuration))
	if err != nil {
		t.Fatal(err)
	}
	addresses := loopback.FreeAddresses(t, 3)
	c := &Collector{GRPC: addresses[0], HTTP: addresses[1], Scrape: addresses[2], path: collectorBinary().path(t)}
	c.arguments = []string{
		"--config=" + file,
		"--set=receivers.otlp.protocols.grpc.endpoint=" + c.GRPC,
		"--set=receivers.otlp.protocols.http.endpoint=" + c.HTTP,
		// Without this it serves its own metrics at a fixed port.
		"--set=service.telemetry.metrics.level=none",
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("\n  prometheus:\n")) {
		settings = append(settings, "exporters.prometheus.endpoint="+c.Scrape)
	} else {
		c.Scrape = ""
	}
	for _, setting := range settings {
		c.arguments = append(c.arguments, "--set="+setting)
	}
	c.Start(t)
	return c
}

// Start runs the Collector again, at the same addresses, after it was stopped or
// killed.
func (c *Collector) Start(t testing.TB) {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	c.Process = start(t, "collector", c.path, c.arguments, nil)
	// It starts its exporters first and its receivers last.
	c.await(t, "ready", func() bool {
		return (c.Scrape == "" || answers(client, "http://"+c.Scrape+"/metrics")) && listens(c.GRPC) && listens(c.HTTP)
	})
}

// listens reports whether the address accepts connections.
func listens(address string) bool {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}
