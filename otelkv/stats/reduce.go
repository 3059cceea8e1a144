// SPDX-License-Identifier: Apache-2.0

package stats

import "github.com/otelkv/otelkv-go/schema"

// simpleInfo is the name of the info metric of vLLM's simple CPU connector.
const simpleInfo = "vllm:simple_kv_offload_info"

// Reduce returns the payload as a flat summary, in the payload's order, with the
// keys that vLLM's logger prints (its reduce, vLLM #45957): the metric's name, and
// for a labelled entry ":" and Python's form of the tuple, as in
// my_counter:('a',). A counter or gauge gives its value, a histogram <key>_count
// and <key>_sum.
//
// Samples are summed from left to right, ints as ints until a float64 or an
// overflow makes the sum one. Nested payloads give nested summaries under their
// connectors' names, also an empty one an empty summary. Facts that never change
// are no part of a summary: neither the payload's info, nor the simple CPU
// connector's vllm:simple_kv_offload_info (vLLM #57251).
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
