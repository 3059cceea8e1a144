// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"net/http"
	"net/url"
	"testing"
)

// TestProxyOf tests redirects that a server of a test cannot make.
func TestProxyOf(t *testing.T) {
	for _, test := range []struct {
		from, to string
		refused  bool
	}{
		{"https://collector/v1/metrics", "http://collector/v1/metrics", true},
		{"http://collector/v1/metrics", "https://collector/v1/metrics", false},
		{"https://collector/v1/metrics", "https://collector/other", false},
		{"https://collector/v1/metrics", "https://collector.example/v1/metrics", true},
		{"https://collector/v1/metrics", "https://collector:4318/v1/metrics", true},
	} {
		from, to := request(t, test.from), request(t, test.to)
		to.Response = &http.Response{Request: from}
		if _, err := proxyOf(to); (err != nil) != test.refused {
			t.Errorf("from %s to %s: error %v, refused should be %t", test.from, test.to, err, test.refused)
		}
	}
}

func request(t *testing.T, address string) *http.Request {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Request{Method: http.MethodPost, URL: u}
}
