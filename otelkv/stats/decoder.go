// SPDX-License-Identifier: Apache-2.0

package stats

import "github.com/otelkv/otelkv-go/internal/errorlist"

// A Decoder decodes payloads within limits. The zero Decoder has the default
// limits. A Decoder has no state, and is safe for concurrent use on different
// payloads.
//
// Both formats have the same fields (vLLM #35669, #45957): "types" maps names to
// counter, gauge or histogram; "data" maps names to entries; "info" is optional: a
// list of maps, or one map, from labels to static facts (vLLM #56867). The entries of
// a metric without labels may be its value alone, which is the form before metrics had
// labels. Other fields are ignored.
//
// A decoder accepts null and the empty map, which are an empty payload, and maps of
// these forms:
//
//   - A payload has "types" or "data", and one of them is a map or null.
//   - A SchedulerStats of vLLM has "kv_connector_stats", which must be null or a map
//     of one of the other forms. Its other fields are ignored.
//   - A MultiConnector's map has names of connectors as keys. Its payloads fill nested
//     payloads, see [Payload.Connector]. Each is the value itself, or the value's field
//     "data". All values are maps or null, or at least one is a payload.
//   - Anything else is the stats of another connector, such as vLLM's NIXL connector.
//     It is ignored and counted, see [Payload.Ignored], and is no error.
//
// A connector's value that is not a payload is the stats of another connector too:
// there, a payload has "types", or has "data" inside "data". A payload that is invalid
// itself is an error. A payload that has both metrics and nested payloads, which vLLM
// never sends, has the nested ones in a field "connectors".
//
// If a single entry is wrong, only that entry is left out. The returned error joins an
// [EntryError] for each of the first 64, and the number of the others. For an input
// that is malformed, truncated or over a limit, the error is a [DecodeError] alone and
// the payload is empty, so no part of the input is counted.
type Decoder struct {
	// Limits bound the input. They are checked before memory is allocated, except that of
	// [Decoder.JSON], which only the limit of bytes bounds.
	Limits Limits
	// EngineCoreOutputs makes the decoder also accept a whole message of vLLM's engine
	// core, for a program that reads its socket: a list whose third item is a
	// SchedulerStats or null. The first item is the engine's index. The caller has to
	// read it.
	EngineCoreOutputs bool
}

// JSON decodes data, which is one payload, and replaces what p held. The entries of a
// metric are a list of objects, because a JSON key cannot be a tuple:
//
//	{"types": {"m": "counter"}, "data": {"m": [{"labels": ["1:fs"], "value": 7}]}}
//
// A number is an int64 unless it has a point or an exponent. p keeps nothing of data,
// and reuses its own memory. Decoding takes up to three times the size of data in
// addition, which is freed if it is more than 64 KiB.
func (d Decoder) JSON(data []byte, p *Payload) error {
	s := p.beginDecoding(d)
	s.isJSON = true
	failure := s.json.transcode(data, s.limits.Bytes)
	if failure == nil {
		s.r.reset(s.json.messagePack, len(s.json.messagePack))
		s.payload(p)
		if failure = s.r.failure; failure != nil {
			failure.Offset = s.json.offset(data, failure.Offset)
		}
	}
	return s.end(p, failure)
}

// MessagePack decodes the payload at the beginning of data, replaces what p held, and
// returns what follows the payload. The entries of a metric are a map. Its keys are
// arrays of label values, which is how msgspec encodes tuples:
//
//	{"types": {"m": "counter"}, "data": {"m": {["1:fs"]: 7}}}
//
// p keeps nothing of data, and reuses its own memory: decoding the same metrics and
// label values again allocates nothing. After a [DecodeError], rest is nil, because
// the end of the payload is unknown.
func (d Decoder) MessagePack(data []byte, p *Payload) (rest []byte, err error) {
	s := p.beginDecoding(d)
	s.isJSON = false
	s.r.reset(data, s.limits.Bytes)
	s.payload(p)
	if s.r.failure == nil {
		rest = data[s.r.mark().offset:]
	}
	return rest, s.end(p, s.r.failure)
}

// UnmarshalJSON is [Decoder.JSON] with the default limits. When it returns an error
// about single entries, p holds the others.
func (p *Payload) UnmarshalJSON(data []byte) error { return Decoder{}.JSON(data, p) }

// counts are what the limits bound over a whole input.
type counts struct{ types, metrics, entries, samples int }

// decoding is the state of decoding into one payload and its nested payloads. The
// payload keeps it, to reuse the buffers.
type decoding struct {
	r    reader
	json transcoder
	// isJSON tells that the input of r was JSON.
	isJSON bool

	limits     Limits
	generation uint64
	counts     counts
	errs       errorlist.List
	key        []byte
	// next points to the entry that is expected next, see lookupEntry.
	next       **Entry
	candidates candidates
	// engineCoreOutputs is the option of the decoder.
	engineCoreOutputs bool
}

func (p *Payload) beginDecoding(d Decoder) *decoding {
	p.Reset()
	root := p
	if p.parent != nil {
		root = p.parent
	}
	if root.decoding == nil {
		root.decoding = new(decoding)
	}
	s := root.decoding
	s.limits, s.engineCoreOutputs = d.Limits.withDefaults(), d.EngineCoreOutputs
	s.generation++
	return s
}

// end returns what was wrong. It drops the input and large buffers.
func (s *decoding) end(p *Payload, failure *DecodeError) error {
	errs := s.errs.Join()
	s.r.data, s.r.rest, s.next = nil, nil, nil
	s.json.close()
	if cap(s.key) > maxRetainedScratch {
		s.key = nil
	}
	if cap(s.candidates.first) > maxRetainedConnectors {
		s.candidates.first = nil
	}
	s.errs = errorlist.List{}
	s.counts = counts{}
	if failure != nil {
		p.Reset()
		return failure
	}
	return errs
}
