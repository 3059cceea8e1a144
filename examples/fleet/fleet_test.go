package main

import (
	"bufio"
	"bytes"
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
	"testing/synctest"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// newServer returns an aggregator of engines 0 to 2 behind a handler that may
// stand in its way.
func newServer(t *testing.T, wrap func(http.Handler) http.Handler) (*otelkvtest.Recorder, *httptest.Server) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	for index := range 3 {
		if _, err := recorder.AddEngine(index, "m"); err != nil {
			t.Fatal(err)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("POST /batches/{sender}/{sequence}", wrap(newAggregator(recorder.Recorder)))
	server := httptest.NewServer(mux)
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

// TestARetriedBatchCountsOnce: every second answer is lost after the batch was
// taken, and every third request fails before it is.
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
			c, payload := newClient(server.URL, fmt.Sprintf("worker-%d", engine), engine), new(stats.Payload)
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

// TestAnswers holds what a sender is told, and what counts then.
func TestAnswers(t *testing.T) {
	one := func(p *stats.Payload) []byte { return encodeBatch(record{0, p}) }
	good := one(loaded(t, 1))
	unknown := loaded(t, 1)
	if err := unknown.AddCounter("unknown", stats.Int64(1)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path   string
		body   []byte
		status int
		says   string
		counts float64
	}{
		"good":                  {"/batches/a/1", good, 200, "batch 1: 1 records", 1},
		"a gap":                 {"/batches/a/7", good, 200, "batch 7", 1},
		"no number":             {"/batches/a/x", good, 400, "expected a sequence number", 0},
		"number zero":           {"/batches/a/0", good, 400, "from 1", 0},
		"long name":             {"/batches/" + strings.Repeat("x", 65) + "/1", good, 400, "at most 64", 0},
		"too large":             {"/batches/a/1", make([]byte, maxBody+1), 413, "too large", 0},
		"empty":                 {"/batches/a/1", nil, 400, "batch:", 0},
		"not MessagePack":       {"/batches/a/1", []byte("{}"), 400, "batch:", 0},
		"too many records":      {"/batches/a/1", msgp.AppendArrayHeader(nil, maxRecords+1), 400, "at most 256", 0},
		"record cut off":        {"/batches/a/1", good[:len(good)-1], 400, "record 1 of 1", 0},
		"second record missing": {"/batches/a/1", append([]byte{0x92}, good[1:]...), 400, "record 2 of 2", 0},
		"bytes after it":        {"/batches/a/1", append(bytes.Clone(good), 0), 400, "1 bytes after", 0},
		"engine not declared":   {"/batches/a/1", encodeBatch(record{9, loaded(t, 1)}), 200, "engine 9: unknown engine", 0},
		"engine negative":       {"/batches/a/1", encodeBatch(record{-1, loaded(t, 1)}), 400, "expected one from 0", 0},
		"entry not declared":    {"/batches/a/1", one(unknown), 200, `metric "unknown": not in the catalogue`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			recorder, server := newServer(t, direct)
			response, err := http.Post(server.URL+c.path, "application/vnd.msgpack", bytes.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			answer, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != c.status || !strings.Contains(string(answer), c.says) {
				t.Errorf("got %d %q, want %d and %q", response.StatusCode, answer, c.status, c.says)
			}
			counted := 0.0
			for _, p := range recorder.Collect().Select(vllm.LoadBytes, nil) {
				counted += p.Value
			}
			if counted != c.counts {
				t.Errorf("%v was counted, want %v", counted, c.counts)
			}
		})
	}
}

// TestNumbersGrow holds what counts of batches that come twice or out of order.
func TestNumbersGrow(t *testing.T) {
	recorder, server := newServer(t, direct)
	for _, c := range []struct {
		path   string
		status int
		says   string
		total  float64
	}{
		{"/batches/a/1", 200, "1 records", 1},
		{"/batches/a/1", 200, "taken before", 1},
		{"/batches/a/3", 200, "1 records", 2},
		{"/batches/a/2", 409, "batch 2 comes after batch 3", 2},
		{"/batches/a/3", 200, "taken before", 2},
		{"/batches/b/1", 200, "1 records", 3},
	} {
		response, err := http.Post(server.URL+c.path, "application/vnd.msgpack", bytes.NewReader(encodeBatch(record{0, loaded(t, 1)})))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != c.status || !strings.Contains(string(answer), c.says) {
			t.Errorf("%s: got %d %q, want %d and %q", c.path, response.StatusCode, answer, c.status, c.says)
		}
		if v := recorder.Collect().Value(vllm.LoadBytes, otelkvtest.Labels{"engine": "0"}); v != c.total {
			t.Errorf("%s: the total is %v, want %v", c.path, v, c.total)
		}
	}
}

// TestWhatIsKept holds which answers make a sender drop its batch. One that does
// not come from the aggregator, but from a proxy in front of it, does not.
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
			c := newClient(server.URL, "a", 0)
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

// TestALongOutage: a worker whose aggregator comes back after far more copies than
// a batch has samples for delivers all bytes, and then all samples again.
func TestALongOutage(t *testing.T) {
	recorder, server := newServer(t, direct)
	w, err := newWorker()
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(server.URL, "a", 0)
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

// TestUsage holds what a wrong call is told.
func TestUsage(t *testing.T) {
	for arguments, says := range map[string]string{
		"":                                 "expected aggregate or work",
		"serve":                            `"serve"`,
		"aggregate -engines 0,":            `engine ""`,
		"aggregate -engines x":             `engine "x"`,
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

// TestSendersAreBounded: a sender that is silent for long makes room, so that
// workers which start again under new names do not fill the aggregator.
func TestSendersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAggregator(nil)
		for i := range maxSenders {
			if _, err := a.sender(fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(forgetAfter / 2)
		known, err := a.sender("0")
		if err != nil {
			t.Errorf("a sender that is known: %v", err)
		}
		if _, err := a.sender("one more"); !errors.Is(err, errTooManySenders) {
			t.Errorf("got %v, want %v", err, errTooManySenders)
		}
		time.Sleep(forgetAfter / 2)
		if _, err := a.sender("one more"); err != nil {
			t.Errorf("after %v: %v", forgetAfter, err)
		}
		if again, err := a.sender("0"); again != known || err != nil {
			t.Errorf("a sender that was not silent is forgotten: %v", err)
		}
		if n := len(a.senders); n != 2 {
			t.Errorf("%d senders are remembered, want 2", n)
		}
	})
}

// TestFleet runs the programs: an aggregator and two workers.
func TestFleet(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	reader, writer := io.Pipe()
	ended := make(chan error, 3)
	go func() { ended <- run(ctx, []string{"aggregate", "-listen", "127.0.0.1:0", "-engines", "0,1"}, writer) }()
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
			zero := fmt.Sprintf("vllm:kv_offload_load_bytes_total{engine=\"%d\",model_name=\"llama\"} 0\n", engine)
			if !strings.Contains(body, zero) {
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

func FuzzDecodeBatch(f *testing.F) {
	f.Add(encodeBatch(record{0, loaded(f, 1)}))
	f.Add(msgp.AppendArrayHeader(nil, 2))
	f.Fuzz(func(t *testing.T, body []byte) {
		records, _, err := decodeBatch(body)
		if err != nil && records != nil {
			t.Error("a batch that is none has records")
		}
		for _, r := range records {
			if r.engine < 0 || r.payload == nil {
				t.Errorf("got the record %+v", r)
			}
		}
	})
}
