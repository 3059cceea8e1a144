// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/ingest"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// newServer returns a receiver behind another handler.
func newServer(t *testing.T, wrap func(http.Handler) http.Handler) (*otelkvtest.Recorder, *httptest.Server) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	receiver, err := ingest.New(recorder.Recorder)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(wrap(receiver))
	t.Cleanup(server.Close)
	return recorder, server
}

func direct(h http.Handler) http.Handler { return h }

func loaded(t testing.TB, n int64) *stats.Payload {
	p := new(stats.Payload)
	if err := p.AddCounter(vllm.LoadBytes.PrometheusName, stats.Int64(n)); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestARetriedBatchCountsOnce: every third request fails before the batch is recorded, and
// every second of the others fails afterwards.
func TestARetriedBatchCountsOnce(t *testing.T) {
	var requests atomic.Int64
	recorder, server := newServer(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch n := requests.Add(1); {
			case n%3 == 0:
				http.Error(w, "not now", http.StatusServiceUnavailable)
			case n%2 == 0:
				h.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			default:
				h.ServeHTTP(w, r)
			}
		})
	})
	const batches = 40
	var wg sync.WaitGroup
	for engine := range 3 {
		wg.Go(func() {
			c, payload := newClient(server.URL, fmt.Sprintf("worker-%d", engine), "m", engine), new(stats.Payload)
			for sent := 0; sent < batches; sent++ {
				if err := payload.Merge(loaded(t, 1)); err != nil {
					t.Error(err)
				}
				_ = c.flush(t.Context(), payload)
			}
			for attempt := 0; c.flush(t.Context(), payload) != nil; attempt++ {
				if attempt == 100 {
					t.Error("the last batch was never taken")
					return
				}
			}
		})
	}
	wg.Wait()
	got := recorder.Collect()
	for engine := range 3 {
		if v := got.Value(vllm.LoadBytes, otelkvtest.Labels{"engine": fmt.Sprint(engine)}); v != batches {
			t.Errorf("engine %d has %v, want %d", engine, v, batches)
		}
	}
}

// TestWhatIsKept checks after which answers a sender drops its batch. An answer of a proxy
// in front of the aggregator is not among them.
func TestWhatIsKept(t *testing.T) {
	for status, want := range map[int]float64{
		200: 2, 400: 1, 409: 1, 413: 1,
		401: 2, 404: 2, 408: 2, 429: 2, 500: 2, 502: 2, 503: 2,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			var requests atomic.Int64
			recorder, server := newServer(t, func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if requests.Add(1) == 1 && status != http.StatusOK {
						http.Error(w, "not now", status)
						return
					}
					h.ServeHTTP(w, r)
				})
			})
			c := newClient(server.URL, "a", "m", 0)
			if err := c.flush(t.Context(), loaded(t, 1)); (err == nil) != (status == http.StatusOK) {
				t.Errorf("the first batch: %v", err)
			}
			if err := c.flush(t.Context(), loaded(t, 1)); err != nil {
				t.Errorf("the second batch: %v", err)
			}
			if v := recorder.Collect().Value(vllm.LoadBytes, otelkvtest.Labels{"engine": "0"}); v != want {
				t.Errorf("%v was counted, want %v", v, want)
			}
		})
	}
}

// TestALongOutage: if the aggregator is down for far more copies than a batch has samples,
// the worker still delivers all bytes, and after that all samples again.
func TestALongOutage(t *testing.T) {
	recorder, server := newServer(t, direct)
	w, err := newWorker()
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(server.URL, "a", "m", 0)
	for _, round := range []struct{ copies, bytes, samples float64 }{
		{3 * maxSamples, 3 * maxSamples, maxSamples},
		{10, 3*maxSamples + 10, maxSamples + 10},
	} {
		for range int(round.copies) {
			w.load(1)
		}
		if err := c.flush(t.Context(), &w.payload); err != nil {
			t.Fatal(err)
		}
		got := recorder.Collect()
		if v := got.Value(vllm.LoadBytes, otelkvtest.Labels{"engine": "0"}); v != round.bytes {
			t.Errorf("%v bytes, want %v", v, round.bytes)
		}
		if n := got.Select(vllm.LoadSize, otelkvtest.Labels{"engine": "0"})[0].Count; float64(n) != round.samples {
			t.Errorf("%v samples, want %v", n, round.samples)
		}
	}
}

// TestUsage checks the errors of wrong command lines.
func TestUsage(t *testing.T) {
	for arguments, says := range map[string]string{
		"":                                 "expected aggregate or work",
		"serve":                            `"serve"`,
		"aggregate 8080":                   `unexpected argument "8080"`,
		"work":                             `-to is ""`,
		"work -to 127.0.0.1:8080":          "expected an HTTP URL",
		"work -to http://a more":           `unexpected argument "more"`,
		"work -to http://a -engine -1":     "-engine is -1",
		"work -to http://a -interval -1ms": "-interval is -1ms",
	} {
		err := run(t.Context(), strings.Fields(arguments), io.Discard)
		if !errors.Is(err, errUsage) || !strings.Contains(err.Error(), says) {
			t.Errorf("fleet %s: got %v, want %v with %s", arguments, err, errUsage, says)
		}
	}
	var help strings.Builder
	if err := run(t.Context(), []string{"-h"}, &help); err != nil || !strings.Contains(help.String(), "fleet aggregate") {
		t.Errorf("-h: %q, %v", &help, err)
	}
}

// TestFleet runs the programs: an aggregator and two workers.
func TestFleet(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	reader, writer := io.Pipe()
	ended := make(chan error, 3)
	go func() { ended <- run(ctx, []string{"aggregate", "-listen", "127.0.0.1:0"}, writer) }()
	address, err := bufio.NewReader(reader).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address = strings.TrimSpace(address)
	for engine := range 2 {
		go func() {
			ended <- run(ctx, []string{"work", "-to", address, "-engine", fmt.Sprint(engine), "-interval", "1ms"}, io.Discard)
		}()
	}
	for {
		body := scrape(ctx, t, address)
		seen := 0
		for engine := range 2 {
			series := fmt.Sprintf("vllm:kv_offload_load_bytes_total{engine=\"%d\",model_name=\"llama\"} ", engine)
			if strings.Contains(body, series) && !strings.Contains(body, series+"0\n") {
				seen++
			}
		}
		if seen == 2 {
			break
		}
	}
	cancel()
	for range 3 {
		// A worker that ends after the aggregator cannot send its last batch.
		if err := <-ended; err != nil && !strings.Contains(err.Error(), "batch") {
			t.Error(err)
		}
	}
}

func scrape(ctx context.Context, t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
