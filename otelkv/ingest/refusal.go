// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"fmt"
	"net/http"
)

// A refusal is a reason for which nothing of a batch counts.
type refusal int

const (
	refusedToken refusal = iota
	refusedPeer
	refusedMethod
	refusedTimeout
	refusedSize
	refusedMalformed
	refusedSequence
	refusedSenders
	refusedConnections
	refusedShutdown
)

// refusals are the label of the self-metric and the status of each refusal. The
// documentation of the package says after which statuses a sender tries again.
var refusals = [...]struct {
	label  string
	status int
}{
	refusedToken:       {"unauthorized", http.StatusUnauthorized},
	refusedPeer:        {"peer", http.StatusForbidden},
	refusedMethod:      {"method", http.StatusMethodNotAllowed},
	refusedTimeout:     {"timeout", http.StatusRequestTimeout},
	refusedSize:        {"too_large", http.StatusRequestEntityTooLarge},
	refusedMalformed:   {"malformed", http.StatusBadRequest},
	refusedSequence:    {"sequence", http.StatusConflict},
	refusedSenders:     {"too_many_senders", http.StatusServiceUnavailable},
	refusedConnections: {"too_many_connections", http.StatusServiceUnavailable},
	refusedShutdown:    {"closed", http.StatusServiceUnavailable},
}

// refusalLabels returns the label values of the self-metric.
func refusalLabels() []string {
	var labels []string
	for _, r := range refusals {
		labels = append(labels, r.label)
	}
	return labels
}

// An answer is what a sender is told about a batch.
type answer struct {
	sequence uint64
	status   int
	message  string
}

// refuse counts a refusal and returns the answer.
func (r *Receiver) refuse(why refusal, sequence uint64, format string, arguments ...any) answer {
	r.counts.refused[why].Add(1)
	return answer{sequence, refusals[why].status, "otelkv: " + fmt.Sprintf(format, arguments...)}
}
