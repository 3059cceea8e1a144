// SPDX-License-Identifier: Apache-2.0

package ingest_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/ingest"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// FuzzBatch checks that any body gets a documented answer, and the same answer when it
// comes again.
func FuzzBatch(f *testing.F) {
	f.Add(batch{sender: "a", run: "r", sequence: 1, records: [][]byte{encodeRecord(0, "m", 1, loaded(f, 1))}}.encode())
	f.Add(batch{sender: "a", sequence: 1, records: [][]byte{encodeRecord(-1, "\xff", 1e300, loaded(f, 1))}}.encode())
	f.Add([]byte{0x80})
	recorder, err := otelkv.New(vllm.TieringSpec())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		receiver, err := ingest.New(recorder)
		if err != nil {
			t.Fatal(err)
		}
		answer := func() int {
			w := httptest.NewRecorder()
			receiver.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
			return w.Code
		}
		first := answer()
		if !slices.Contains([]int{http.StatusOK, http.StatusBadRequest, http.StatusRequestEntityTooLarge}, first) {
			t.Errorf("answered %d", first)
		}
		if again := answer(); again != first {
			t.Errorf("answered %d, and then %d", first, again)
		}
	})
}
