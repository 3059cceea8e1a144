// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"bytes"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// hostileShapes repeat one thing as often as possible. Most are cheap to send and expensive
// to decode.
var hostileShapes = []struct {
	name string
	// json and messagePack return what comes before the i-th repetitions, which are joined by
	// commas in JSON, and after them. Those of MessagePack are in a map or a list, whose
	// header stands between.
	json        func() (before string, repeated func(i int) string, after string)
	messagePack func() (before []byte, isMap bool, repeated func(i int) []byte, after []byte)
}{
	{"kinds",
		func() (string, func(int) string, string) {
			return `{"types":{`, func(i int) string { return `"` + name(i) + `":"gauge"` }, `},"data":{}}`
		},
		func() ([]byte, bool, func(int) []byte, []byte) {
			return packed("\x82", "types"), true, func(i int) []byte { return packed("", name(i), "gauge") }, packed("", "data", fields{})
		}},
	{"metrics without a kind",
		func() (string, func(int) string, string) {
			return `{"data":{`, func(i int) string { return `"` + name(i) + `":1` }, `}}`
		},
		func() ([]byte, bool, func(int) []byte, []byte) {
			return packed("\x81", "data"), true, func(i int) []byte { return packed("", name(i), 1) }, nil
		}},
	{"the same metric again",
		func() (string, func(int) string, string) {
			return `{"types":{"c":"counter"},"data":{`, func(int) string { return `"c":1` }, `}}`
		},
		func() ([]byte, bool, func(int) []byte, []byte) {
			return packed("\x82", "types", fields{"c", "counter"}, "data"), true, func(int) []byte { return packed("", "c", 1) }, nil
		}},
	{"entries",
		func() (string, func(int) string, string) {
			return `{"types":{"c":"counter"},"data":{"c":[`, func(i int) string { return `{"labels":["` + name(i) + `"],"value":1}` }, `]}}`
		},
		entriesOf(func(i int) []byte { return packed("", list{name(i)}, 1) })},
	{"entries of many label values",
		func() (string, func(int) string, string) {
			return `{"types":{"c":"counter"},"data":{"c":[`, func(i int) string {
				return `{"labels":["` + name(i) + `"` + strings.Repeat(`,""`, 15) + `],"value":1}`
			}, `]}}`
		},
		entriesOf(func(i int) []byte {
			return packed("", append(list{name(i)}, "", "", "", "", "", "", "", "", "", "", "", "", "", "", ""), 1)
		})},
	{"the same entry again",
		func() (string, func(int) string, string) {
			return `{"types":{"c":"counter"},"data":{"c":[`, func(int) string { return `{"labels":[],"value":1}` }, `]}}`
		},
		entriesOf(func(int) []byte { return packed("", list{}, 1) })},
	{"entries that are none",
		func() (string, func(int) string, string) {
			return `{"types":{"c":"counter"},"data":{"c":[{},`, func(int) string { return `1` }, `]}}`
		},
		entriesOf(func(int) []byte { return packed("", 1, 1) })},
	{"fields of one entry",
		func() (string, func(int) string, string) {
			return `{"types":{"c":"counter"},"data":{"c":[{"value":1,`, func(int) string { return `"labels":[]` }, `}]}}`
		},
		func() ([]byte, bool, func(int) []byte, []byte) {
			return packed("\x82", "types", fields{"c", "counter"}, "data", raw("\x81"), "c", raw("\x91")), true,
				func(int) []byte { return packed("", "labels", list{}) }, nil
		}},
	{"label values of one entry",
		func() (string, func(int) string, string) {
			return `{"types":{"c":"counter"},"data":{"c":[{"value":1,"labels":[`, func(int) string { return `""` }, `]}]}}`
		},
		func() ([]byte, bool, func(int) []byte, []byte) {
			return packed("\x82", "types", fields{"c", "counter"}, "data", raw("\x81"), "c", raw("\x81")), false,
				func(int) []byte { return packed("", "") }, packed("", 1)
		}},
	{"samples",
		func() (string, func(int) string, string) {
			return `{"types":{"h":"histogram"},"data":{"h":[`, func(int) string { return `1` }, `]}}`
		},
		func() ([]byte, bool, func(int) []byte, []byte) {
			return packed("\x82", "types", fields{"h", "histogram"}, "data", raw("\x81"), "h"), false, func(int) []byte { return packed("", 1) }, nil
		}},
	{"samples that are none",
		func() (string, func(int) string, string) {
			return `{"types":{"h":"histogram"},"data":{"h":[`, func(int) string { return `[]` }, `]}}`
		},
		func() ([]byte, bool, func(int) []byte, []byte) {
			return packed("\x82", "types", fields{"h", "histogram"}, "data", raw("\x81"), "h"), false, func(int) []byte { return packed("", list{}) }, nil
		}},
	{"digits of one number",
		func() (string, func(int) string, string) {
			return `{"types":{"g":"gauge"},"data":{"g":0.`, func(int) string { return "1" }, `}}`
		}, nil},
	{"a long string",
		func() (string, func(int) string, string) {
			return `{"data":{},"x":"`, func(int) string { return `\u00e9\ud83d\ude42` }, `"}`
		}, nil},
	{"a long label value",
		func() (string, func(int) string, string) {
			return `{"types":{"c":"counter"},"data":{"c":[{"value":1,"labels":["`, func(int) string { return `\n` }, `"]}]}}`
		}, nil},
	{"fields that mean nothing",
		func() (string, func(int) string, string) {
			return `{"data":{},`, func(i int) string { return `"` + name(i) + `":{}` }, `}`
		},
		func() ([]byte, bool, func(int) []byte, []byte) {
			return nil, true, func(i int) []byte { return packed("", name(i), fields{}) }, nil
		}},
	{"deep nesting",
		func() (string, func(int) string, string) {
			return `{"data":{},"x":[`, func(int) string { return strings.Repeat("[", 30) + strings.Repeat("]", 30) }, `]}`
		},
		func() ([]byte, bool, func(int) []byte, []byte) {
			return packed("\x82", "data", fields{}, "x"), false, func(int) []byte { return packed(strings.Repeat("\x91", 29) + "\x90") }, nil
		}},
	{"other connectors",
		func() (string, func(int) string, string) {
			return `{`, func(i int) string { return `"` + name(i) + `":{"x":1}` }, `}`
		},
		func() ([]byte, bool, func(int) []byte, []byte) {
			return nil, true, func(i int) []byte { return packed("", name(i), fields{"x", 1}) }, nil
		}},
	{"data of one connector",
		func() (string, func(int) string, string) {
			return `{"A":{`, func(int) string { return `"data":{"data":{}}` }, `}}`
		},
		func() ([]byte, bool, func(int) []byte, []byte) {
			return packed("\x81", "A"), true, func(int) []byte { return packed("", "data", fields{"data", fields{}}) }, nil
		}},
	{"the same connector again",
		func() (string, func(int) string, string) {
			return `{`, func(int) string { return `"A":{"data":{"data":{"c":1}}}` }, `}`
		},
		func() ([]byte, bool, func(int) []byte, []byte) {
			return nil, true, func(int) []byte { return packed("", "A", fields{"data", fields{"data", fields{"c", 1}}}) }, nil
		}},
	{"info",
		func() (string, func(int) string, string) {
			return `{"data":{},"info":[{`, func(i int) string { return `"` + name(i) + `":1` }, `}]}`
		},
		func() ([]byte, bool, func(int) []byte, []byte) {
			return packed("\x82", "data", fields{}, "info", raw("\x91")), true, func(i int) []byte { return packed("", name(i), 1) }, nil
		}},
}

// name returns one of many short names.
func name(i int) string { return strconv.FormatInt(int64(i), 36) }

// packed returns begin, followed by the values as MessagePack.
func packed(begin string, values ...any) []byte {
	data := []byte(begin)
	for _, v := range values {
		switch v := v.(type) {
		case string:
			data = msgp.AppendString(data, v)
		case int:
			data = msgp.AppendInt(data, v)
		case raw:
			data = append(data, v...)
		case fields:
			data = append(msgp.AppendMapHeader(data, uint32(len(v)/2)), packed("", v...)...)
		case list:
			data = append(msgp.AppendArrayHeader(data, uint32(len(v))), packed("", v...)...)
		}
	}
	return data
}

func entriesOf(repeated func(int) []byte) func() ([]byte, bool, func(int) []byte, []byte) {
	return func() ([]byte, bool, func(int) []byte, []byte) {
		return packed("\x82", "types", fields{"c", "counter"}, "data", raw("\x81"), "c"), true, repeated, nil
	}
}

// hostile returns an input of a shape and of about the given size, or nil if the format
// cannot have that shape.
func hostile(shape, size int, isJSON bool) []byte {
	s := hostileShapes[shape]
	var data bytes.Buffer
	if isJSON {
		before, repeated, after := s.json()
		data.WriteString(before)
		// Parts of one token have nothing between them.
		separate := s.name != "digits of one number" && !strings.HasPrefix(s.name, "a long")
		for i := 0; data.Len()+len(after) < size; i++ {
			if i > 0 && separate {
				data.WriteByte(',')
			}
			data.WriteString(repeated(i))
		}
		data.WriteString(after)
		return data.Bytes()
	}
	if s.messagePack == nil {
		return nil
	}
	before, isMap, repeated, after := s.messagePack()
	var elements []byte
	n := 0
	for ; len(before)+len(elements)+len(after) < size; n++ {
		elements = append(elements, repeated(n)...)
	}
	header := msgp.AppendArrayHeader(nil, uint32(n))
	if isMap {
		header = msgp.AppendMapHeader(nil, uint32(n))
	}
	for _, part := range [][]byte{before, header, elements, after} {
		data.Write(part)
	}
	return data.Bytes()
}

const (
	// maxMemory bounds the bytes that a decoder allocates for one byte of input, and
	// maxMemoryBeside those that it may allocate beside.
	maxMemory       = 160
	maxMemoryBeside = 64 << 10
	// maxMemoryInAll bounds what an input makes it allocate with the default limits, and
	// maxMemoryHeld what the payload holds of that. A list that grows is allocated again
	// each time.
	maxMemoryInAll = 192 << 20
	maxMemoryHeld  = 64 << 20
	// maxGrowth bounds how much longer than in proportion an input takes that is eight times
	// as large. It is generous, as tests share a machine. Quadratic time is eight times as
	// long as in proportion.
	maxGrowth = 6
)

// TestHostileInputsCostInProportion decodes inputs of 1 KiB to 4 MiB. The memory for each byte is
// bounded, and the time for each byte does not grow.
func TestHostileInputsCostInProportion(t *testing.T) {
	dearest, dearestInAll := 0.0, uint64(0)
	for shape := range hostileShapes {
		for _, isJSON := range []bool{true, false} {
			format := map[bool]string{true: "json", false: "messagepack"}[isJSON]
			if hostile(shape, 0, isJSON) == nil {
				continue
			}
			t.Run(hostileShapes[shape].name+"/"+format, func(t *testing.T) {
				allowed := time.Hour // for the next size
				for size := 1 << 10; size <= largestHostile; size *= 8 {
					input := hostile(shape, size, isJSON)
					taken, took := measureDecode(input, isJSON)
					perByte := float64(taken) / float64(len(input))
					if taken > uint64(maxMemory*len(input)+maxMemoryBeside) || taken > maxMemoryInAll {
						t.Errorf("%d bytes of input: %d bytes of memory, %.0f for each", len(input), taken, perByte)
					}
					dearestInAll = max(dearestInAll, taken)
					if size < 64<<10 {
						continue
					}
					dearest = max(dearest, perByte)
					// The machine may have had something else to do.
					for tries := 0; tries < 20 && (took > allowed || size < largestHostile && tries < 2); tries++ {
						if tries > 2 {
							time.Sleep(10 * time.Millisecond)
						}
						_, again := measureDecode(input, isJSON)
						took = min(took, again)
					}
					if took > allowed {
						t.Errorf("%d bytes of input take %v, at most %v are due after an eighth of them", len(input), took, allowed)
					}
					// Below a tenth of a millisecond it is not the input that takes the time.
					allowed = 8 * maxGrowth * max(took, 100*time.Microsecond)
				}
			})
		}
	}
	t.Logf("at most %.0f bytes of memory for a byte of input from 64 KiB on, and %d bytes in all", dearest, dearestInAll)
}

// TestHostileInputOfEveryLimit decodes an input that reaches every default limit that
// bounds memory.
func TestHostileInputOfEveryLimit(t *testing.T) {
	for name, filler := range map[string]struct{ before, repeated, after string }{
		"a string":         {`"`, `\n`, `"`},
		"lists of a float": {`[`, `[1e0],`, `1]`},
	} {
		t.Run(name, func(t *testing.T) { checkEveryLimit(t, filler.before, filler.repeated, filler.after) })
	}
}

func checkEveryLimit(t *testing.T, before, repeated, after string) {
	var input bytes.Buffer
	input.WriteString(`{"types":{"c":"counter","h":"histogram"},"data":{"h":[1` + strings.Repeat(",1", 1<<20-1) + `],"c":[`)
	for i := range 65536 - 1 {
		if i > 0 {
			input.WriteByte(',')
		}
		input.WriteString(`{"labels":["` + name(i) + `"` + strings.Repeat(`,"x"`, 15) + `],"value":1}`)
	}
	input.WriteString(`]},"x":` + before)
	input.WriteString(strings.Repeat(repeated, (16<<20-input.Len()-len(after)-1)/len(repeated)) + after + `}`)

	var p stats.Payload
	var start, end, held runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&start)
	if err := decodeJSON(input.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&end)
	runtime.GC()
	runtime.ReadMemStats(&held)
	runtime.KeepAlive(&p)
	allocated, kept := end.TotalAlloc-start.TotalAlloc, int64(held.HeapAlloc)-int64(start.HeapAlloc)
	t.Logf("%d bytes of input: %d bytes allocated, %d held", input.Len(), allocated, kept)
	if allocated > maxMemoryInAll || kept > maxMemoryHeld {
		t.Errorf("want at most %d and %d", maxMemoryInAll, maxMemoryHeld)
	}
}

// measureDecode decodes into a new payload, and returns how many bytes that allocates, kept
// or not, and how long it takes. The result does not matter.
func measureDecode(input []byte, isJSON bool) (taken uint64, took time.Duration) {
	var p stats.Payload
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	if isJSON {
		_ = decodeJSON(input, &p)
	} else {
		_ = decodeMessagePack(input, &p)
	}
	took = time.Since(began)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, took
}
