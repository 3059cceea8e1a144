// SPDX-License-Identifier: Apache-2.0

package stats

import "github.com/otelkv/otelkv-go/schema"

// simpleInfo is the name of the info metric of vLLM's simple CPU connector.
const simpleInfo = "vllm:simple_kv_offload_info"

// Reduce returns the payload as a flat summary, in the payload's order. The keys are
// those of vLLM's logger (its reduce, vLLM #45957): the metric's name, and for an entry
// with labels also ":" and Python's form of the tuple, as in my_counter:('a',). A counter
// or gauge has one key for its value. A histogram has <key>_count and <key>_sum.
//
// Samples are added from left to right. The sum is an int64 until a sample is a float64,
// or the sum overflows. A nested payload, even an empty one, becomes a nested summary
// under its connector's name. Static facts are left out: the payload's info, and
// vllm:simple_kv_offload_info of the simple CPU connector (vLLM #57251).
func (p *Payload) Reduce() Summary {
	var s Summary
	for _, m := range p.present {
		if m.name == simpleInfo {
			continue
		}
		for _, e := range m.present {
			key := m.name
			if len(e.labelValues) > 0 {
				key += ":" + pythonTuple(e.labelValues)
			}
			if m.kind != schema.KindHistogram {
				s.set(summaryEntry{key, e.value})
				continue
			}
			s.set(summaryEntry{key + "_count", Int64(int64(len(e.samples)))})
			s.set(summaryEntry{key + "_sum", sum(e.samples)})
		}
	}
	for name, child := range p.Connectors() {
		s.connectors = append(s.connectors, nestedSummary{name, child.Reduce()})
	}
	return s
}

func sum(samples []Number) Number {
	var total Number
	for _, sample := range samples {
		next, ok := total.plus(sample)
		if !ok {
			next = Float64(total.Float64() + sample.Float64())
		}
		total = next
	}
	return total
}
