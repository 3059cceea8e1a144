// SPDX-License-Identifier: Apache-2.0

package ingest_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/ingest"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// random returns a payload of every kind of metric, with some bad entries.
func random(t testing.TB, random *rand.Rand, p *stats.Payload) *stats.Payload {
	t.Helper()
	tier := fmt.Sprintf("%d:fs", 1+random.IntN(3))
	errs := []error{
		p.AddCounter(vllm.LoadBytes.PrometheusName, stats.Int64(random.Int64N(1<<40))),
		p.AddCounter(vllm.LoadTime.PrometheusName, stats.Float64(random.Float64())),
		p.AddCounter(vllm.TieringReadBytes.PrometheusName, stats.Int64(random.Int64N(100)), tier),
		p.RecordGauge(vllm.CPUCacheUsage.PrometheusName, stats.Float64(random.Float64())),
		p.AddCounter("unknown", stats.Int64(1)),
		p.AddCounter(vllm.StoreBytes.PrometheusName, stats.Float64(0.5)),
		p.AddCounter(vllm.TieringWriteBytes.PrometheusName, stats.Int64(1)),
	}
	for range random.IntN(20) {
		errs = append(errs, p.RecordHistogram(vllm.LoadSize.PrometheusName, stats.Float64(random.Float64()*3e8)),
			p.RecordHistogram(vllm.LookupSyncDelay.PrometheusName, stats.Float64(random.ExpFloat64()/1000)))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return p
}

// shown returns all points of the catalogue's metrics as text.
func shown(recorder *otelkvtest.Recorder) string {
	var text strings.Builder
	got := recorder.Collect()
	for d := range vllm.TieringSpec().All() {
		for _, p := range got.Select(d, nil) {
			fmt.Fprintf(&text, "%s %s %v %d %v %v\n", d.PrometheusName, p.Attributes.Encoded(attribute.DefaultEncoder()), p.Value, p.Count, p.Sum, p.Buckets)
		}
	}
	return text.String()
}

// TestTotalsContinue: receivers that are killed and replaced at random end with the same
// totals as one that was not killed. A confirmed batch is in the file, and any other batch
// comes again.
func TestTotalsContinue(t *testing.T) {
	for _, connectors := range []bool{false, true} {
		t.Run(fmt.Sprint(connectors), func(t *testing.T) {
			var labels []otelkv.Option
			if connectors {
				labels = append(labels, otelkv.WithLabelNames(otelkv.LabelNames{Connector: "connector"}))
			}
			source := rand.New(rand.NewPCG(1, 2))
			file := filepath.Join(t.TempDir(), "state")
			steady, want := newReceiver(t, labels)
			recorder, receiver := newReceiver(t, labels, ingest.WithStateFile(file))
			for sequence := uint64(1); sequence <= 60; sequence++ {
				p := new(stats.Payload)
				if connectors {
					random(t, source, p.Connector("OffloadingConnector"))
					random(t, source, p.Connector("Other"))
				} else {
					random(t, source, p)
				}
				if sequence%20 == 1 {
					p.SetInfo(map[string]string{vllm.CPUConfigLabelNames()[0]: fmt.Sprint(sequence)})
				}
				body := batch{sender: "a", run: "r", sequence: sequence, records: [][]byte{encodeRecord(int(sequence%2), "m", 0, p)}}.encode()
				post(t, want, body)
				if status, says := post(t, receiver, body); status != 200 {
					t.Fatal(says)
				}
				if source.IntN(4) == 0 {
					// The old one is not shut down, as when its process is killed.
					recorder, receiver = newReceiver(t, labels, ingest.WithStateFile(file))
					if _, says := post(t, receiver, body); !strings.Contains(says, "taken before") {
						t.Errorf("batch %d comes again: %s", sequence, says)
					}
				}
			}
			if got, want := shown(recorder), shown(steady); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if got := len(strings.Split(shown(recorder), "\n")); got < 20 {
				t.Errorf("only %d points are compared", got)
			}
		})
	}
}

// TestTotalsBeyondTheNumbers: totals that a number cannot hold stop as those of the
// recorder do, and the file is still written.
func TestTotalsBeyondTheNumbers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	recorder, receiver := newReceiver(t, nil, ingest.WithStateFile(file))
	var reported error
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { reported = errors.Join(reported, err) }))
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) })
	for sequence := range uint64(3) {
		p := new(stats.Payload)
		if err := errors.Join(
			p.AddCounter(vllm.LoadBytes.PrometheusName, stats.Int64(math.MaxInt64-1)),
			p.AddCounter(vllm.LoadTime.PrometheusName, stats.Float64(math.MaxFloat64)),
			p.RecordHistogram(vllm.LoadSize.PrometheusName, stats.Float64(math.MaxFloat64)),
			p.RecordHistogram(vllm.LoadSize.PrometheusName, stats.Float64(1)),
		); err != nil {
			t.Fatal(err)
		}
		post(t, receiver, batch{sender: "a", sequence: sequence + 1, records: [][]byte{encodeRecord(0, "m", 0, p)}}.encode())
	}
	restored, _ := newReceiver(t, nil, ingest.WithStateFile(file))
	if got, want := shown(restored), shown(recorder); got != want {
		t.Errorf("restored\n%s\nrecorded\n%s", got, want)
	}
	if reported != nil {
		t.Errorf("reported: %v", reported)
	}
}

// TestAnotherBatchOfTheNumber: if two senders have the same name and run, the second is
// told that its batch did not count.
func TestAnotherBatchOfTheNumber(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	first := batch{sender: "a", sequence: 1, records: [][]byte{encodeRecord(0, "m", 0, loaded(t, 1))}}.encode()
	second := batch{sender: "a", sequence: 1, records: [][]byte{encodeRecord(0, "m", 0, loaded(t, 2))}}.encode()
	for life := range 2 {
		recorder, receiver := newReceiver(t, nil, ingest.WithStateFile(file))
		want := "1 records"
		for range 2 {
			if life > 0 {
				want = "taken before"
			}
			if status, says := post(t, receiver, first); status != 200 || !strings.Contains(says, want) {
				t.Errorf("life %d: the first: %d %s, want %s", life, status, says, want)
			}
			if status, says := post(t, receiver, second); status != 409 || !strings.Contains(says, "another batch 1 was taken") {
				t.Errorf("life %d: the second: %d %s", life, status, says)
			}
			want = "taken before"
		}
		if v := total(recorder, vllm.LoadBytes, nil); v != 1 {
			t.Errorf("life %d: %v counted, want 1", life, v)
		}
	}
	// A digest of 0 is not known.
	text := `{"version": 1, "senders": [{"sender": "a", "sequence": 1, "seen": "2026-01-02T03:04:05Z"}]}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, receiver := newReceiver(t, nil, ingest.WithStateFile(file))
	if status, says := post(t, receiver, second); status != 200 || !strings.Contains(says, "taken before") {
		t.Errorf("without a digest: %d %s", status, says)
	}
}

// TestConcurrentSaves: everything that was confirmed is in the file, even if many batches
// come at once.
func TestConcurrentSaves(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	_, receiver := newReceiver(t, nil, ingest.WithStateFile(file))
	var wg sync.WaitGroup
	for sender := range 8 {
		wg.Go(func() {
			for sequence := range uint64(20) {
				post(t, receiver, batch{sender: fmt.Sprint(sender), sequence: sequence + 1, records: [][]byte{encodeRecord(0, "m", 0, loaded(t, 1))}}.encode())
			}
		})
	}
	wg.Wait()
	recorder, _ := newReceiver(t, nil, ingest.WithStateFile(file))
	if v := total(recorder, vllm.LoadBytes, nil); v != 160 {
		t.Errorf("got %v, want 160", v)
	}
	left, err := filepath.Glob(file + ".*")
	if err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}

// TestBadStateFile: a file that is no state file is refused and not changed. Totals that
// do not fit the catalogue begin at zero.
func TestBadStateFile(t *testing.T) {
	dir := t.TempDir()
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	for name, text := range map[string]string{
		"empty": "", "text": "hello", "version": `{"version": 2}`, "list": "[]",
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ingest.New(recorder.Recorder, ingest.WithStateFile(file)); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: got %v, want an error that names the file", name, err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != text {
			t.Errorf("%s: the file is now %q, %v", name, got, err)
		}
	}
	if _, err := ingest.New(recorder.Recorder, ingest.WithStateFile(filepath.Join(dir, "no", "folder"))); err == nil {
		t.Error("a folder that is not there is no error")
	}
	file := filepath.Join(dir, "stale")
	text := `{"version": 1, "engines": [{"model": "m", "index": 0, "entries": [null,
		{"metric": "gone", "int64": 3}, {"metric": "vllm:kv_offload_load_size", "buckets": [1, 2], "boundaries": [5]},
		{"metric": "vllm:kv_offload_load_size", "buckets": [1], "boundaries": [5], "labels": ["x"]},
		{"metric": "vllm:kv_offload_load_bytes", "int64": -3}, {"metric": "vllm:kv_offload_store_bytes", "int64": 4}]}]}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var reported []error
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { reported = append(reported, err) }))
	fresh, receiver := newReceiver(t, nil, ingest.WithStateFile(file))
	if len(reported) != 1 || !strings.Contains(reported[0].Error(), `"gone"`) || !strings.Contains(reported[0].Error(), "boundaries do not fit") {
		t.Errorf("reported %v, want the metric that is gone and the boundaries that do not fit", reported)
	}
	if status, says := post(t, receiver, batch{sender: "a", sequence: 1, records: [][]byte{encodeRecord(0, "m", 0, loaded(t, 7))}}.encode()); status != 200 {
		t.Fatal(says)
	}
	for _, c := range []struct {
		metric schema.Metric
		want   float64
	}{{vllm.StoreBytes, 4}, {vllm.LoadBytes, 7}, {vllm.LoadSize, 1}} {
		if v := total(fresh, c.metric, nil); v != c.want {
			t.Errorf("%s is %v, want %v", c.metric.Definition().Name, v, c.want)
		}
	}
}

// TestStateThatCannotBeWritten: the failure is reported once and counted. Batches still
// count.
func TestStateThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	recorder, receiver := newReceiver(t, nil, ingest.WithStateFile(filepath.Join(dir, "state")))
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	reported := 0
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) { reported++ }))
	for sequence := range uint64(3) {
		if status, says := post(t, receiver, batch{sender: "a", sequence: sequence + 1, records: [][]byte{encodeRecord(0, "m", 0, loaded(t, 1))}}.encode()); status != 200 {
			t.Fatal(says)
		}
	}
	if v := total(recorder, metric("otelkv.ingest.state_failures"), nil); v != 3 || reported != 1 {
		t.Errorf("%v failures, %d reports", v, reported)
	}
	if v := total(recorder, vllm.LoadBytes, nil); v != 3 {
		t.Errorf("%v counted", v)
	}
}
