// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// batch encodes a batch with one payload of engine 0 of the model m, for the MessagePack
// protocol of package ingest.
func batch(sequence, dropped uint64, payload *stats.Payload) []byte {
	text := func(out []byte, s string) []byte { return append(append(out, 0xa0|byte(len(s))), s...) }
	number := func(out []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(append(out, 0xcf), n) }
	out := text(text([]byte{0x84}, "sender"), "test")
	out = number(text(out, "sequence"), sequence)
	out = number(text(out, "dropped_payloads"), dropped)
	// An array of one record, which is an array of four.
	out = append(text(out, "records"), 0x91, 0x94)
	out = number(text(number(out, 0), "m"), uint64(time.Now().Unix()))
	return payload.AppendMessagePack(out)
}

// TestPanelsOfASidecar tests that every panel has data for a sidecar, and that the panels
// of sidecars show the right numbers.
func TestPanelsOfASidecar(t *testing.T) {
	sidecar := servers.StartSidecar(t, "--tier=fs")
	prometheus := servers.StartPrometheus(t, configuration(t, host(t, sidecar.ScrapeURL)))
	deliver := func(body []byte, want int) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sidecar.BatchesURL, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Fatalf("a batch is answered %s, want %d", response.Status, want)
		}
	}
	// The first scrape shows a sidecar before its first batch.
	prometheus.Await(t, "otelkv_ingest_engines", servers.Values(0))
	const rounds = 12
	for round := range rounds {
		payload := load.Payload(t, vllm.TieringSpec(), round)
		for _, counted := range []struct {
			name string
			n    int64
		}{{vllm.TieringChunkQueries.PrometheusName, 10_000}, {vllm.TieringChunkHits.PrometheusName, 6_000}} {
			if err := payload.AddCounter(counted.name, stats.Int64(counted.n), "0:primary"); err != nil {
				t.Fatal(err)
			}
		}
		sequence := uint64(round) + 1
		body := batch(sequence, sequence%2, payload) // one body, because it has the time
		deliver(body, http.StatusOK)
		deliver(body, http.StatusOK) // a repetition
		deliver([]byte("no batch"), http.StatusBadRequest)
		time.Sleep(300 * time.Millisecond)
	}
	for _, counted := range []struct {
		expression string
		want       float64
	}{
		{`otelkv_ingest_batches_total{outcome="taken"}`, rounds},
		{`otelkv_ingest_batches_total{outcome="repeated"}`, rounds},
		{`sum(otelkv_ingest_refused_batches_total)`, rounds},
		{`otelkv_ingest_dropped_payloads_total`, rounds / 2},
		{`otelkv_ingest_engines`, 1},
		{`otelkv_payloads_total`, rounds},
	} {
		prometheus.Await(t, counted.expression, servers.Values(counted.want))
	}
	now := time.Now()
	positive := map[string]bool{"Batches at the sidecar": false, "Lost before the sidecar": false, "Engines at the sidecar": false}
	for _, target := range sidecarTargets(t, "otelkv") {
		t.Run(target.panel, func(t *testing.T) {
			vector, err := prometheus.Query(target.expr, now)
			if err == nil {
				err = someNumber(vector)
			}
			if err != nil {
				t.Errorf("%s: %v", target.expr, err)
			}
			if !strings.Contains(target.expr, "otelkv_ingest_") {
				return
			}
			positive[target.panel] = true
			for _, sample := range vector {
				if label := sample.Labels["reason"]; sample.Value <= 0 && (label == "" || label == "malformed") {
					t.Errorf("%s: %v, of what is more than 0", target.expr, sample)
				}
			}
		})
	}
	for panel, seen := range positive {
		if !seen {
			t.Errorf("the dashboards have no panel %q", panel)
		}
	}
}
