// SPDX-License-Identifier: Apache-2.0

package stats

import "github.com/otelkv/otelkv-go/internal/errorlist"

// A Decoder decodes payloads within limits. The zero Decoder has the default
// limits. It is a value without state, and safe for concurrent use on different
// payloads.
//
// Both formats carry the same fields (vLLM #35669, #45957): "types" maps names to
// counter, gauge or histogram; "data" maps names to entries; "info", if there is
// one, is a list of maps, or one map, of labels to static facts (vLLM #56867). An
// unlabelled metric's entries may be the bare value, as in payloads from before
// metrics had labels. Other fields mean nothing here.
//
// A decoder takes null and the empty map, which are an empty payload, and maps of
// these forms:
//
//   - A payload has "types" or "data", and one of them is a map or null.
//   - A SchedulerStats of vLLM has "kv_connector_stats", which must be null or a map
//     of one of the other forms. Its other fields mean nothing here.
//   - A MultiConnector's payloads stand under the names of their connectors and fill
//     nested payloads, see [Payload.Connector]. Each is bare, or in a map under "data".
//     All values are maps or null, or at least one is a payload.
//   - Anything else is the stats of another connector, such as vLLM's NIXL connector.
//     It is ignored and counted, see [Payload.Ignored], and is no error.
//
// Under a connector's name, too, what is no payload is another connector's: there, a
// payload has "types", or has "data" inside "data". A payload that is broken in
// itself is an error, not another connector's. A payload that has metrics and nested
// payloads both, which vLLM never sends, has the latter in a field "connectors".
//
// What is wrong with a single entry leaves out that entry only. The returned error
// joins an [EntryError] for each of the first 64 such, and a count of the others.
// An input that is broken, truncated or over a limit returns a [DecodeError] alone,
// and leaves the payload empty, so that nothing is counted by half.
type Decoder struct {
	// Limits bound the input. They are checked before memory is taken.
	Limits Limits
	// EngineCoreOutputs makes the decoder also take a whole message of vLLM's engine
	// core, for a program that reads its socket: a list whose third item is a
	// SchedulerStats or null. The first item is the engine's index, which is the
	// caller's to read.
	EngineCoreOutputs bool
}

// JSON decodes one payload, which is all of data, and replaces what p held. The
// entries of a metric are a list of objects, as a JSON key can be no tuple:
//
//	{"types": {"m": "counter"}, "data": {"m": [{"labels": ["1:fs"], "value": 7}]}}
//
// A number is an int64 unless it has a point or an exponent. p keeps nothing of
// data, and its own memory is reused.
func (d Decoder) JSON(data []byte, p *Payload) error {
	s := p.beginDecoding(d)
	s.isJSON = true
	failure := s.json.transcode(data, s.limits.Bytes)
	if failure == nil {
		s.r.reset(s.json.messagePack, len(s.json.messagePack))
		s.payload(p)
		if failure = s.r.failure; failure != nil {
			failure.Offset, _ = s.json.walk(data, failure.Offset)
		}
	}
	return s.end(p, failure)
}

// MessagePack decodes the payload that data begins with, replaces what p held,
// and returns what follows it. The entries of a metric are a map, whose keys are
// arrays of label values, msgspec's form of a tuple:
//
//	{"types": {"m": "counter"}, "data": {"m": {["1:fs"]: 7}}}
//
// p keeps nothing of data, and its own memory is reused: a payload that decodes
// the same metrics and label values again allocates nothing. After a
// [DecodeError], rest is nil, since the payload's end is not known.
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

// UnmarshalJSON is [Decoder.JSON] with the default limits. Like it, it keeps what
// is good when it returns an error about single entries.
func (p *Payload) UnmarshalJSON(data []byte) error { return Decoder{}.JSON(data, p) }

// counts is what the limits bound over a whole input.
type counts struct{ types, metrics, entries, samples int }

// decoding is the state of decoding into one payload and those nested in it. It
// stays with the payload, for its buffers.
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
	// next is where the entry that is expected next is kept, see lookupEntry.
	next       **Entry
	candidates candidates
	// engineCoreOutputs is the decoder's option.
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

// end returns what was wrong. It drops the input, and buffers that are too large to
// keep.
func (s *decoding) end(p *Payload, failure *DecodeError) error {
	errs := s.errs.Join()
	s.r.data, s.r.rest, s.next = nil, nil, nil
	if cap(s.json.messagePack) > maxRetainedScratch {
		s.json.messagePack = nil
	}
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
