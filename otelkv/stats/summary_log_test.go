// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"os"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// interval returns what an engine sent during one interval.
func interval() (*stats.Payload, error) {
	p := new(stats.Payload)
	return p, errors.Join(
		p.AddCounter("vllm:kv_offload_load_bytes", stats.Int64(4611932160)),
		p.AddCounter("vllm:kv_offload_load_time", stats.Float64(2)),
		p.RecordHistogram("vllm:kv_offload_load_size", stats.Int64(16)),
		p.RecordHistogram("vllm:kv_offload_load_size", stats.Int64(8)),
		p.RecordGauge("vllm:kv_offload_tiering_active_promotion_jobs", stats.Int64(2), "1:fs"),
		p.Connector("Other").AddCounter("n", stats.Int64(1)),
	)
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func TestSummaryLogValue(t *testing.T) {
	p, err := interval()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key  string
		p    *stats.Payload
		want string
	}{
		"group": {"stats", p, `{"level":"INFO","msg":"KV Transfer metrics","stats":{"vllm:kv_offload_load_bytes":4611932160,` +
			`"vllm:kv_offload_load_time":2,"vllm:kv_offload_load_size_count":2,"vllm:kv_offload_load_size_sum":24,` +
			`"vllm:kv_offload_tiering_active_promotion_jobs:('1:fs',)":2,"Other":{"n":1}}}` + "\n"},
		"inline": {"", p, `{"level":"INFO","msg":"KV Transfer metrics","vllm:kv_offload_load_bytes":4611932160,` +
			`"vllm:kv_offload_load_time":2,"vllm:kv_offload_load_size_count":2,"vllm:kv_offload_load_size_sum":24,` +
			`"vllm:kv_offload_tiering_active_promotion_jobs:('1:fs',)":2,"Other":{"n":1}}` + "\n"},
		"empty": {"stats", new(stats.Payload), `{"level":"INFO","msg":"KV Transfer metrics"}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			logger := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
			logger.Info("KV Transfer metrics", slog.Any(c.key, c.p.Reduce()))
			if got := out.String(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestNumberLogValue(t *testing.T) {
	for _, c := range []struct {
		number stats.Number
		want   slog.Value
	}{
		{stats.Int64(math.MaxInt64), slog.Int64Value(math.MaxInt64)},
		{stats.Float64(2), slog.Float64Value(2)},
		{stats.Float64(math.Inf(1)), slog.Float64Value(math.Inf(1))},
	} {
		if got := c.number.LogValue(); !got.Equal(c.want) {
			t.Errorf("%v is logged as %v (%v), want %v (%v)", c.number, got, got.Kind(), c.want, c.want.Kind())
		}
	}
}

func ExampleSummary_LogValue() {
	p, err := interval()
	if err != nil {
		panic(err)
	}
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	logger.Info("KV Transfer metrics", "", p.Take().Reduce())
	// Output:
	// level=INFO msg="KV Transfer metrics" vllm:kv_offload_load_bytes=4611932160 vllm:kv_offload_load_time=2 vllm:kv_offload_load_size_count=2 vllm:kv_offload_load_size_sum=24 vllm:kv_offload_tiering_active_promotion_jobs:('1:fs',)=2 Other.n=1
}
