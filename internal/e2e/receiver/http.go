// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"io"
	"net/http"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// ServeHTTP receives OTLP metrics over HTTP, as protobuf without compression. An error of
// the Answer becomes a status: 429 with a Retry-After of one second for
// ResourceExhausted, and 503 for others.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, httpRequest *http.Request) {
	body, err := io.ReadAll(httpRequest.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var request collector.ExportMetricsServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	response, err := r.Export(httpRequest.Context(), &request)
	switch {
	case status.Code(err) == codes.ResourceExhausted:
		w.Header().Set("Retry-After", "1")
		http.Error(w, status.Convert(err).Message(), http.StatusTooManyRequests)
		return
	case err != nil:
		http.Error(w, status.Convert(err).Message(), http.StatusServiceUnavailable)
		return
	}
	encoded, err := proto.Marshal(response)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(encoded)
}
