// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"fmt"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func Example() {
	var step stats.Payload
	loads, err := step.Int64Counter(vllm.LoadBytes)
	if err != nil {
		fmt.Println(err)
		return
	}
	sizes, err := step.Histogram(vllm.LoadSize)
	if err != nil {
		fmt.Println(err)
		return
	}

	for _, size := range []int64{16 << 20, 8 << 20} {
		loads.Add(size)
		sizes.Record(float64(size))
	}
	fmt.Println("KV Transfer metrics:", step.Reduce())
	// Output:
	// KV Transfer metrics: vllm:kv_offload_load_bytes=25165824, vllm:kv_offload_load_size_count=2, vllm:kv_offload_load_size_sum=25165824
}

// A sender and a receiver that reuse their payloads.
func ExamplePayload_TakeInto() {
	var pending, interval, received stats.Payload
	var wire []byte
	for range 2 {
		if err := pending.AddCounter("my_counter", stats.Int64(7), "1:fs"); err != nil {
			fmt.Println(err)
		}
		if pending.TakeInto(&interval) {
			wire = interval.AppendMessagePack(wire[:0])
		}
		if _, err := (stats.Decoder{}).MessagePack(wire, &received); err != nil {
			fmt.Println(err)
		}
		fmt.Println(received.Reduce())
	}
	fmt.Println(pending.IsEmpty())
	// Output:
	// my_counter:('1:fs',)=7
	// my_counter:('1:fs',)=7
	// true
}

func ExamplePayload_Merge() {
	var total stats.Payload
	for worker := range 2 {
		var p stats.Payload
		_ = p.AddCounter("bytes", stats.Int64(100), "1:fs")
		_ = p.RecordGauge("worker", stats.Int64(int64(worker)))
		_ = p.RecordHistogram("seconds", stats.Float64(0.25))
		if err := total.Merge(&p); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(total.Reduce())
	// Output:
	// bytes:('1:fs',)=200, worker=1, seconds_count=2, seconds_sum=0.5
}

// One entry is bad. The error names it, and the others count.
func ExampleDecoder_JSON() {
	var p stats.Payload
	err := stats.Decoder{}.JSON([]byte(`{
		"types": {"reads": "counter"},
		"data": {"reads": [{"labels": ["1:fs"], "value": 3}, {"labels": [2], "value": 4}]}
	}`), &p)
	fmt.Println(err)
	fmt.Println(p.Reduce())
	// Output:
	// otelkv: metric "reads": bad label values: value 0 is a number, expected a string
	// reads:('1:fs',)=3
}

func ExamplePayload_Metrics() {
	var p stats.Payload
	_ = p.AddCounter("hits", stats.Int64(5), "1:fs")
	_ = p.AddCounter("hits", stats.Int64(2), "2:p2p")
	_ = p.RecordGauge("usage", stats.Float64(0.5))
	for m := range p.Metrics() {
		for e := range m.Entries() {
			fmt.Println(m.Kind(), m.Name(), e.LabelValues(), e.Value())
		}
	}
	// Output:
	// counter hits [1:fs] 5
	// counter hits [2:p2p] 2
	// gauge usage [] 0.5
}

func ExamplePayload_Connector() {
	var p stats.Payload
	_ = p.Connector("OffloadingConnector").AddCounter("bytes", stats.Int64(100))
	fmt.Println(string(p.AppendJSON(nil)))
	// Output:
	// {"OffloadingConnector":{"data":{"types":{"bytes":"counter"},"data":{"bytes":[{"labels":[],"value":100}]}}}}
}
