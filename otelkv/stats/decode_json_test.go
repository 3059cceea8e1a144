// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// TestTranscodedSize checks that MessagePack is at most three times as long as the JSON,
// for the values that grow most.
func TestTranscodedSize(t *testing.T) {
	var s transcoder
	for _, repeated := range []string{`1`, `1e0`, `-9`, `1234567890`, `9223372036854775808`, `""`, `"\n"`, `"\u0001"`, `"\ud83d"`, `[]`, `{}`, `[1e0]`,
		`[[1e0]]`, `{"":1e0}`, `[[""]]`, `true`, `null`, strings.Repeat("[", 31) + `1e0` + strings.Repeat("]", 31)} {
		data := []byte("[" + repeated + strings.Repeat(","+repeated, 999) + "]")
		if failure := s.transcode(data, math.MaxInt); failure != nil {
			t.Fatal(failure)
		}
		if got := len(s.messagePack); got > 3*len(data) {
			t.Errorf("%s: %d bytes of JSON become %d", repeated, len(data), got)
		}
	}
}

// TestTranscodeAnything transcodes texts that are not JSON, as a whole and up to a place.
func TestTranscodeAnything(t *testing.T) {
	var s transcoder
	for _, data := range []string{``, `]`, `[}`, `"`, `"\`, `"\u`, `"\u1"`, `"\ud83d\u"`, `"\ud83d\u1`, `t`, `-`, `x`, `{]`, "\x00", `[1x`, `"\ud83d\`, `{1:2}`, `{"a"}`, `[1,]`, `1 2`} {
		failure := s.transcode([]byte(data), math.MaxInt)
		if failure == nil || failure.Offset < 0 || failure.Offset > len(data) {
			t.Errorf("%q: %v", data, failure)
		}
		for _, until := range []int{0, 1, math.MaxInt} {
			if offset := s.offset([]byte(data), until); offset < 0 || offset > len(data) {
				t.Errorf("%q stops at %d", data, offset)
			}
		}
	}
}

func TestOffsetOfWhatFollowsTheJSON(t *testing.T) {
	var p Payload
	var failure *DecodeError
	if err := p.UnmarshalJSON([]byte(`{} {}`)); !errors.As(err, &failure) || failure.Offset != 3 {
		t.Errorf("got %v, want an error at byte 3", err)
	}
}
