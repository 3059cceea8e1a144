// SPDX-License-Identifier: Apache-2.0

// Package loopback takes the place of an OpenTelemetry Collector in the examples.
package loopback

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// A Receiver receives metrics over OTLP/HTTP on loopback. It is safe for concurrent use.
type Receiver struct {
	*httptest.Server

	mu     sync.Mutex
	latest map[string]int64
}

// Run runs a service that pushes to a receiver, and prints the named sums that arrived.
func Run(ctx context.Context, out io.Writer, serve func(ctx context.Context, endpoint string) error, names ...string) error {
	receiver := NewReceiver()
	defer receiver.Close()
	if err := serve(ctx, receiver.URL); err != nil {
		return err
	}
	return receiver.Print(out, names...)
}

// NewReceiver starts a receiver. The caller closes it.
func NewReceiver() *Receiver {
	r := &Receiver{latest: make(map[string]int64)}
	r.Server = httptest.NewServer(http.HandlerFunc(r.receive))
	return r
}

func (r *Receiver) receive(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, 4<<20))
	var received collector.ExportMetricsServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &received)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range received.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				for _, p := range m.GetSum().GetDataPoints() {
					r.latest[m.GetName()] = p.GetAsInt() + int64(p.GetAsDouble())
				}
			}
		}
	}
}

// Print writes the last value of each named sum, or that it did not arrive.
func (r *Receiver) Print(out io.Writer, names ...string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines strings.Builder
	for _, name := range slices.Sorted(slices.Values(names)) {
		value, ok := r.latest[name]
		if !ok {
			fmt.Fprintln(&lines, name, "did not arrive")
			continue
		}
		fmt.Fprintln(&lines, name, value)
	}
	_, err := io.WriteString(out, lines.String())
	return err
}
