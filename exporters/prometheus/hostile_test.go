// SPDX-License-Identifier: Apache-2.0

package prometheus_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestEncodings tests the encoding of answers, and that a request for an encoding that
// does not exist is not reported, so that it cannot fill a log. zstd exists only in
// programs that import promhttp/zstd of client_golang, which this one does not.
func TestEncodings(t *testing.T) {
	reports := handleErrors(t)
	recorder := newRecorder(t, everyKind)
	measure(t, addEngine(t, recorder, 0))
	server := start(t, newHandler(t, newCollector(t, recorder)))
	for accepted, want := range map[string]string{
		"": "", "gzip": "gzip", "zstd, gzip;q=0.5": "gzip",
		"br": "", "zstd": "", "identity;q=0": "", "*;q=0": "", "br, identity;q=0": "", "zstd, identity;q=0": "", ";;;,": "", "gzip;q=x": "",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept-Encoding", accepted)
		response, err := client(t, nil).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		got := response.Header.Get("Content-Encoding")
		var body io.Reader = response.Body
		if got == "gzip" {
			if body, err = gzip.NewReader(response.Body); err != nil {
				t.Fatal(err)
			}
		}
		text, err := io.ReadAll(body)
		_ = response.Body.Close()
		if err != nil || got != want || response.StatusCode != http.StatusOK || !strings.Contains(string(text), "test:load_bytes") {
			t.Errorf("%q: encoding %q, status %d, %d bytes, error %v; want encoding %q", accepted, got, response.StatusCode, len(text), err, want)
		}
	}
	if err := reports.joined(); err != nil {
		t.Errorf("reported: %v", err)
	}
}
