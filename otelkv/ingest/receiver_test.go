// SPDX-License-Identifier: Apache-2.0

package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/ingest"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestMain fails if a test leaves goroutines running.
func TestMain(m *testing.M) {
	// The first call of Notify, which fuzzing makes too, starts a goroutine that stays.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	signal.Stop(interrupts)
	before := runtime.NumGoroutine()
	code := m.Run()
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before && code == 0 {
		if time.Now().After(deadline) {
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
			code = 1
		}
		time.Sleep(10 * time.Millisecond)
	}
	os.Exit(code)
}

// A batch is what a test sends.
type batch struct {
	sender, run, token string
	sequence           uint64
	dropped            [2]int64
	records            [][]byte
	more               []byte // after the records
}

func (b batch) encode() []byte {
	out := msgp.AppendMapHeader(nil, 7)
	out = msgp.AppendString(msgp.AppendString(out, "sender"), b.sender)
	out = msgp.AppendString(msgp.AppendString(out, "run"), b.run)
	out = msgp.AppendString(msgp.AppendString(out, "token"), b.token)
	out = msgp.AppendUint64(msgp.AppendString(out, "sequence"), b.sequence)
	out = msgp.AppendInt64(msgp.AppendString(out, "dropped_payloads"), b.dropped[0])
	out = msgp.AppendInt64(msgp.AppendString(out, "dropped_samples"), b.dropped[1])
	out = msgp.AppendArrayHeader(msgp.AppendString(out, "records"), uint32(len(b.records)))
	for _, r := range b.records {
		out = append(out, r...)
	}
	return append(out, b.more...)
}

// encodeRecord encodes the record of an engine.
func encodeRecord(engine int, model string, at float64, p *stats.Payload) []byte {
	out := msgp.AppendArrayHeader(nil, 4)
	out = msgp.AppendInt(out, engine)
	out = msgp.AppendString(out, model)
	out = msgp.AppendFloat64(out, at)
	return p.AppendMessagePack(out)
}

// loaded returns a payload of n loaded bytes, with one sample.
func loaded(t testing.TB, n int64) *stats.Payload {
	t.Helper()
	p := new(stats.Payload)
	if err := errors.Join(
		p.AddCounter(vllm.LoadBytes.PrometheusName, stats.Int64(n)),
		p.RecordHistogram(vllm.LoadSize.PrometheusName, stats.Int64(n)),
	); err != nil {
		t.Fatal(err)
	}
	return p
}

// metric returns a self-metric by its name.
func metric(name string) schema.Metric {
	d, ok := ingest.Catalogue().Lookup(name)
	if !ok {
		panic(name)
	}
	return d
}

func newReceiver(t *testing.T, recorderOptions []otelkv.Option, options ...ingest.Option) (*otelkvtest.Recorder, *ingest.Receiver) {
	t.Helper()
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec(),
		append(recorderOptions, otelkv.WithSelfMetrics(ingest.Catalogue()))...)
	receiver, err := ingest.New(recorder.Recorder, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := receiver.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return recorder, receiver
}

// post delivers a body over HTTP, and returns the status and the answer.
func post(t testing.TB, receiver *ingest.Receiver, body []byte, header ...string) (int, string) {
	t.Helper()
	request := httptest.NewRequest(http.MethodPost, "/v1/batches", bytes.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	receiver.ServeHTTP(w, request)
	return w.Code, w.Body.String()
}

// total returns the sum of a metric's values, or of a histogram's counts.
func total(recorder *otelkvtest.Recorder, m schema.Metric, labels otelkvtest.Labels) float64 {
	sum := 0.0
	for _, p := range recorder.Collect().Select(m, labels) {
		sum += p.Value + float64(p.Count)
	}
	return sum
}

// TestAnswers checks the answer to a batch, what counts, and the counter of refusals.
func TestAnswers(t *testing.T) {
	one := func(records ...[]byte) batch {
		return batch{sender: "a", run: "1", sequence: 1, records: records}
	}
	good := encodeRecord(0, "m", 0, loaded(t, 5))
	unknown := loaded(t, 5)
	if err := unknown.AddCounter("unknown", stats.Int64(1)); err != nil {
		t.Fatal(err)
	}
	mixed := []byte("\x82\xa5types\x81\xa1c\xa7counter\xa4data\x81\xa1c\x81\x90\xa1x") // a counter's value is a string
	raw := func(payload []byte) []byte {
		return append(msgp.AppendFloat64(msgp.AppendString(msgp.AppendInt(msgp.AppendArrayHeader(nil, 4), 0), "m"), 1), payload...)
	}
	with := func(change func(*batch)) []byte {
		b := one(good)
		change(&b)
		return b.encode()
	}
	for name, c := range map[string]struct {
		body    []byte
		status  int
		says    string
		counts  float64
		counted string // a self-metric that is 1
		label   string
	}{
		"good":                 {one(good).encode(), 200, "batch 1: 1 records", 5, "otelkv.ingest.batches", "taken"},
		"a gap":                {with(func(b *batch) { b.sequence = 9 }), 200, "batch 9", 5, "otelkv.ingest.batches", "taken"},
		"no records":           {one().encode(), 200, "0 records", 0, "otelkv.ingest.batches", "taken"},
		"no sender":            {with(func(b *batch) { b.sender = "" }), 400, `"sender": expected a name`, 0, "otelkv.ingest.refused_batches", "malformed"},
		"long sender":          {with(func(b *batch) { b.sender = strings.Repeat("x", 257) }), 400, "at most 256", 0, "otelkv.ingest.refused_batches", "malformed"},
		"line break in sender": {with(func(b *batch) { b.sender = "a\nb" }), 400, "control characters", 0, "otelkv.ingest.refused_batches", "malformed"},
		"long run":             {with(func(b *batch) { b.run = strings.Repeat("x", 257) }), 400, `"run"`, 0, "otelkv.ingest.refused_batches", "malformed"},
		"number zero":          {with(func(b *batch) { b.sequence = 0 }), 400, "from 1", 0, "otelkv.ingest.refused_batches", "malformed"},
		"negative drops":       {with(func(b *batch) { b.dropped[0] = -1 }), 400, "negative", 0, "otelkv.ingest.refused_batches", "malformed"},
		"too large":            {make([]byte, ingest.MaxBatch+1), 413, "too large", 0, "otelkv.ingest.refused_batches", "too_large"},
		"empty":                {nil, 400, "expected a map", 0, "otelkv.ingest.refused_batches", "malformed"},
		"bytes after it":       {with(func(b *batch) { b.more = []byte{0} }), 400, "1 bytes after", 0, "otelkv.ingest.refused_batches", "malformed"},
		"record cut off":       {one(good[:len(good)-1]).encode(), 400, "record 1 of 1", 0, "otelkv.ingest.refused_batches", "malformed"},
		"second one missing":   {one(good, nil).encode(), 400, "record 2 of 2", 0, "otelkv.ingest.refused_batches", "malformed"},
		"model is a number":    {one(append(msgp.AppendInt(msgp.AppendInt(msgp.AppendArrayHeader(nil, 4), 0), 5), good[4:]...)).encode(), 400, "model", 0, "otelkv.ingest.refused_batches", "malformed"},
		"record of three":      {one(append([]byte{0x93}, good[1:]...)).encode(), 400, "array of 3", 0, "otelkv.ingest.refused_batches", "malformed"},
		"bad index":            {one(encodeRecord(-1, "m", 0, loaded(t, 5)), good).encode(), 200, "not negative", 5, "otelkv.ingest.rejected_records", "not_declared"},
		"bad model":            {one(encodeRecord(0, "\xff", 0, loaded(t, 5)), good).encode(), 200, "UTF-8", 5, "otelkv.ingest.rejected_records", "not_declared"},
		"bad entry":            {one(raw(mixed), good).encode(), 200, `metric "c"`, 5, "otelkv.ingest.malformed_entries", ""},
		"entry not declared":   {one(encodeRecord(0, "m", 0, unknown)).encode(), 200, `metric "unknown": not in the catalogue`, 5, "otelkv.ingest.batches", "taken"},
	} {
		t.Run(name, func(t *testing.T) {
			recorder, receiver := newReceiver(t, nil)
			status, says := post(t, receiver, c.body)
			if status != c.status || !strings.Contains(says, c.says) {
				t.Errorf("got %d %q, want %d and %q", status, says, c.status, c.says)
			}
			if v := total(recorder, vllm.LoadBytes, nil); v != c.counts {
				t.Errorf("%v was counted, want %v", v, c.counts)
			}
			var labels otelkvtest.Labels
			if names := metric(c.counted).Definition().LabelNames; len(names) > 0 {
				labels = otelkvtest.Labels{names[0]: c.label}
			}
			if v := total(recorder, metric(c.counted), labels); v != 1 {
				t.Errorf("%s%v is %v, want 1", c.counted, labels, v)
			}
		})
	}
}

// TestCountsExistAtZero: a rate shows the first fault only if the series existed before.
func TestCountsExistAtZero(t *testing.T) {
	recorder, _ := newReceiver(t, nil)
	got := recorder.Collect()
	for d := range ingest.Catalogue().All() {
		points := got.Select(d, nil)
		if len(points) == 0 {
			t.Errorf("%s does not exist", d.Name)
		}
		for _, p := range points {
			if p.Value != 0 {
				t.Errorf("%s is %v", d.Name, p.Value)
			}
		}
	}
}

func TestMethodAndToken(t *testing.T) {
	recorder, receiver := newReceiver(t, nil, ingest.WithBearerToken("secret"))
	body := batch{sender: "a", sequence: 1, token: "secret", records: [][]byte{encodeRecord(0, "m", 0, loaded(t, 1))}}.encode()
	for i, c := range []struct {
		method, authorization string
		status                int
	}{
		{"POST", "", 401}, {"POST", "Bearer other", 401}, {"POST", "Basic secret", 401},
		{"GET", "bearer secret", 405}, {"POST", "Bearer secret", 200},
	} {
		request := httptest.NewRequest(c.method, "/", bytes.NewReader(body))
		request.Header.Set("Authorization", c.authorization)
		w := httptest.NewRecorder()
		receiver.ServeHTTP(w, request)
		if w.Code != c.status {
			t.Errorf("request %d: got %d %q, want %d", i, w.Code, w.Body, c.status)
		}
	}
	if v := total(recorder, vllm.LoadBytes, nil); v != 1 {
		t.Errorf("%v was counted, want 1", v)
	}
	if v := total(recorder, metric("otelkv.ingest.refused_batches"), otelkvtest.Labels{"reason": "unauthorized"}); v != 3 {
		t.Errorf("%v were unauthorized, want 3", v)
	}
}

// TestNumbersGrow checks batches that come twice or out of order, and that each run has
// its own numbers.
func TestNumbersGrow(t *testing.T) {
	recorder, receiver := newReceiver(t, nil)
	for _, c := range []struct {
		sender, run string
		sequence    uint64
		status      int
		says        string
		total       float64
	}{
		{"a", "1", 1, 200, "1 records", 1},
		{"a", "1", 1, 200, "taken before", 1},
		{"a", "1", 3, 200, "1 records", 2},
		{"a", "1", 2, 409, "batch 2 comes after batch 3", 2},
		{"a", "1", 3, 200, "taken before", 2},
		{"b", "1", 1, 200, "1 records", 3},
		{"a", "2", 1, 200, "1 records", 4},
		{"a", "", 1, 200, "1 records", 5},
	} {
		body := batch{sender: c.sender, run: c.run, sequence: c.sequence, dropped: [2]int64{1, 2}, records: [][]byte{encodeRecord(0, "m", 0, loaded(t, 1))}}.encode()
		status, says := post(t, receiver, body)
		if status != c.status || !strings.Contains(says, c.says) {
			t.Errorf("%s/%s/%d: got %d %q, want %d and %q", c.sender, c.run, c.sequence, status, says, c.status, c.says)
		}
		if v := total(recorder, vllm.LoadBytes, nil); v != c.total {
			t.Errorf("%s/%s/%d: the total is %v, want %v", c.sender, c.run, c.sequence, v, c.total)
		}
	}
	for name, want := range map[string]float64{
		"otelkv.ingest.dropped_payloads": 5, "otelkv.ingest.dropped_samples": 10,
		"otelkv.ingest.senders": 4, "otelkv.ingest.engines": 1,
	} {
		if v := total(recorder, metric(name), nil); v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
}

// TestARetriedBatchCountsOnce: of the requests of three concurrent senders, every third
// fails before the batch is recorded, and every second of the others fails afterwards.
func TestARetriedBatchCountsOnce(t *testing.T) {
	recorder, receiver := newReceiver(t, nil)
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := requests.Add(1); {
		case n%3 == 0:
			http.Error(w, "not now", http.StatusServiceUnavailable)
		case n%2 == 0:
			receiver.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			receiver.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	client := server.Client()
	deliver := func(body []byte) bool {
		response, err := client.Post(server.URL, "application/vnd.msgpack", bytes.NewReader(body))
		if err != nil {
			return false
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		return err == nil && response.StatusCode == http.StatusOK
	}
	const senders, sent = 3, 40
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for n := range sent {
				body := batch{sender: fmt.Sprint(i), sequence: uint64(n + 1), records: [][]byte{encodeRecord(0, "m", 0, loaded(t, 1))}}.encode()
				for attempt := 0; !deliver(body); attempt++ {
					if attempt == 100 {
						t.Error("a batch was never taken")
						return
					}
				}
			}
		})
	}
	wg.Wait()
	for _, m := range []schema.Metric{vllm.LoadBytes, vllm.LoadSize} {
		if v := total(recorder, m, nil); v != senders*sent {
			t.Errorf("%s: %v, want %d", m.Definition().Name, v, senders*sent)
		}
	}
}

// TestEngines: there is one engine for each model and index, or for each sender, too. An
// engine that the program declared is used.
func TestEngines(t *testing.T) {
	for _, apart := range []bool{false, true} {
		t.Run(fmt.Sprint(apart), func(t *testing.T) {
			var options []ingest.Option
			var label []otelkv.Option
			if apart {
				options, label = append(options, ingest.WithSenderLabel()), append(label, otelkv.WithLabelNames(otelkv.LabelNames{Source: "sender"}))
			}
			recorder, receiver := newReceiver(t, label, options...)
			if !apart {
				if _, err := recorder.AddEngine(0, "m", otelkv.WithPriming()); err != nil {
					t.Fatal(err)
				}
			}
			for _, sender := range []string{"a", "b"} {
				body := batch{sender: sender, sequence: 1, records: [][]byte{
					encodeRecord(0, "m", 0, loaded(t, 1)), encodeRecord(1, "m", 0, loaded(t, 2)), encodeRecord(0, "n", 0, loaded(t, 4)),
				}}.encode()
				if status, says := post(t, receiver, body); status != 200 || strings.Contains(says, "left out") {
					t.Fatalf("got %d %q", status, says)
				}
			}
			for _, c := range []struct {
				labels otelkvtest.Labels
				value  float64
			}{
				{otelkvtest.Labels{"model_name": "m", "engine": "0"}, 2},
				{otelkvtest.Labels{"model_name": "m", "engine": "1"}, 4},
				{otelkvtest.Labels{"model_name": "n", "engine": "0"}, 8},
			} {
				if v := total(recorder, vllm.LoadBytes, c.labels); v != c.value {
					t.Errorf("%v: %v, want %v", c.labels, v, c.value)
				}
			}
			series := len(recorder.Collect().Select(vllm.LoadBytes, nil))
			if want := map[bool]int{false: 3, true: 6}[apart]; series != want {
				t.Errorf("%d series, want %d", series, want)
			}
		})
	}
}

// TestIndexThatNoEngineHas: the record is left out, and counts for no other engine.
func TestIndexThatNoEngineHas(t *testing.T) {
	recorder, receiver := newReceiver(t, nil)
	for i, index := range []int64{-1, 1 << 40} {
		body := batch{sender: "a", sequence: uint64(i + 1), records: [][]byte{encodeRecord(int(index), "m", 0, loaded(t, 1)), encodeRecord(7, "m", 0, loaded(t, 2))}}.encode()
		if status, says := post(t, receiver, body); status != 200 || !strings.Contains(says, "left out") {
			t.Errorf("index %d: got %d %q", index, status, says)
		}
	}
	if got := recorder.Collect(); len(got.Select(vllm.LoadBytes, nil)) != 1 || got.Value(vllm.LoadBytes, otelkvtest.Labels{"engine": "7"}) != 4 {
		t.Errorf("counted are %v, want 4 of engine 7", got.Select(vllm.LoadBytes, nil))
	}
	if v := total(recorder, metric("otelkv.ingest.rejected_records"), nil); v != 2 {
		t.Errorf("%v records are rejected, want 2", v)
	}
}

// TestSenderLabelNeedsOne: without a label name, the second sender's records are left
// out, and the answer says why.
func TestSenderLabelNeedsOne(t *testing.T) {
	_, receiver := newReceiver(t, nil, ingest.WithSenderLabel())
	for _, sender := range []string{"a", "b"} {
		body := batch{sender: sender, sequence: 1, records: [][]byte{encodeRecord(0, "m", 0, loaded(t, 1))}}.encode()
		status, says := post(t, receiver, body)
		if got := strings.Contains(says, "WithLabelNames"); status != 200 || got != (sender == "b") {
			t.Errorf("%s: %d %q", sender, status, says)
		}
	}
}

// TestLastWriter: a gauge has the value that was written last, in whatever order batches
// arrive. A clock that is ahead does not suppress other writers.
func TestLastWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder, receiver := newReceiver(t, nil)
		used := func(v float64) *stats.Payload {
			p := loaded(t, 1)
			if err := p.RecordGauge(vllm.CPUCacheUsage.PrometheusName, stats.Float64(v)); err != nil {
				t.Fatal(err)
			}
			return p
		}
		now := func() float64 { return float64(time.Now().UnixNano()) / 1e9 }
		start := now()
		time.Sleep(time.Minute)
		sequence := uint64(0)
		for i, c := range []struct{ at, value, want float64 }{
			{start + 10, 0.1, 0.1},
			{start + 30, 0.3, 0.3},
			{start + 20, 0.2, 0.3},   // was written before
			{start + 1000, 0.4, 0.4}, // a clock that goes ahead
			{0, 0.5, 0.5},            // no time at all
			{start + 30, 0.6, 0.5},   // old again
			{now() + 3600, 0.7, 0.7}, // ahead again
		} {
			sequence++
			body := batch{sender: "a", sequence: sequence, records: [][]byte{encodeRecord(0, "m", c.at, used(c.value))}}.encode()
			if status, says := post(t, receiver, body); status != 200 {
				t.Fatal(says)
			}
			if v := recorder.Collect().Value(vllm.CPUCacheUsage, nil); v != c.want {
				t.Errorf("write %d: the gauge is %v, want %v", i, v, c.want)
			}
			if v := total(recorder, vllm.LoadBytes, nil); v != float64(i+1) {
				t.Errorf("write %d: the counter is %v", i, v)
			}
		}
	})
}

// TestSilentEnginesAreRemoved: they come back with their next record.
func TestSilentEnginesAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder, receiver := newReceiver(t, nil, ingest.WithEngineTimeout(time.Minute))
		sequence := uint64(0)
		speak := func(engine int) {
			sequence++
			if status, says := post(t, receiver, batch{sender: "a", sequence: sequence, records: [][]byte{encodeRecord(engine, "m", 0, loaded(t, 1))}}.encode()); status != 200 {
				t.Fatal(says)
			}
		}
		speak(0)
		speak(1)
		for range 4 {
			time.Sleep(30 * time.Second)
			speak(1)
		}
		recorder.Collect()
		recorder.CollectDelta()
		if n := len(recorder.Collect().Select(vllm.LoadBytes, nil)); n != 1 {
			t.Errorf("%d engines, want 1", n)
		}
		if v := total(recorder, metric("otelkv.ingest.engines"), nil); v != 1 {
			t.Errorf("the self-metric says %v", v)
		}
		speak(0)
		if v := total(recorder, vllm.LoadBytes, otelkvtest.Labels{"engine": "0"}); v != 1 {
			t.Errorf("an engine that came back has %v, want 1", v)
		}
		if v := total(recorder, vllm.LoadBytes, otelkvtest.Labels{"engine": "1"}); v != 5 {
			t.Errorf("the other has %v, want 5", v)
		}
	})
}

// TestBounds checks the number of senders and engines, and that a silent sender makes
// room.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder, receiver := newReceiver(t, nil)
		from := func(i int) int {
			status, _ := post(t, receiver, batch{sender: "a", run: fmt.Sprint(i), sequence: 1, records: [][]byte{encodeRecord(i, "m", 0, loaded(t, 1))}}.encode())
			return status
		}
		for i := range 1024 {
			if status := from(i); status != 200 {
				t.Fatalf("sender %d: %d", i, status)
			}
		}
		if status := from(1024); status != 503 {
			t.Errorf("one sender too many: %d", status)
		}
		if v := total(recorder, metric("otelkv.ingest.refused_batches"), otelkvtest.Labels{"reason": "too_many_senders"}); v != 1 {
			t.Errorf("%v were refused", v)
		}
		time.Sleep(time.Hour)
		if status := from(1025); status != 200 {
			t.Errorf("after an hour: %d", status)
		}
		if v := total(recorder, metric("otelkv.ingest.rejected_records"), otelkvtest.Labels{"reason": "too_many_engines"}); v != 1 {
			t.Errorf("%v records were rejected for one engine too many", v)
		}
	})
}

func TestWrongOptions(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.CPUSpec(0))
	_, err := ingest.New(recorder.Recorder, ingest.WithBearerToken("a b"), ingest.WithEngineTimeout(-1), ingest.WithStateFile(""))
	for _, says := range []string{"white space", "engine timeout", "state file"} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
	if _, err := ingest.New(nil); err == nil {
		t.Error("a receiver without a recorder")
	}
}

// TestShutdownRefuses: after Shutdown, the answer is to send the batch again.
func TestShutdownRefuses(t *testing.T) {
	_, receiver := newReceiver(t, nil)
	if err := receiver.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, _ := post(t, receiver, batch{sender: "a", sequence: 1}.encode()); status != 503 {
		t.Errorf("got %d, want 503", status)
	}
}
