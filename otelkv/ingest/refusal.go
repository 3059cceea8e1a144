// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"fmt"
	"net/http"
)

// A refusal is a reason for which nothing of a batch counts.
type refusal struct {
	label  string // of the self-metric
	status int
}

// The package's documentation says which of the statuses are final.
var (
	refusedToken       = &refusal{"unauthorized", http.StatusUnauthorized}
	refusedPeer        = &refusal{"peer", http.StatusForbidden}
	refusedMethod      = &refusal{"method", http.StatusMethodNotAllowed}
	refusedTimeout     = &refusal{"timeout", http.StatusRequestTimeout}
	refusedSize        = &refusal{"too_large", http.StatusRequestEntityTooLarge}
	refusedMalformed   = &refusal{"malformed", http.StatusBadRequest}
	refusedSequence    = &refusal{"sequence", http.StatusConflict}
	refusedSenders     = &refusal{"too_many_senders", http.StatusServiceUnavailable}
	refusedConnections = &refusal{"too_many_connections", http.StatusServiceUnavailable}
	refusedClosed      = &refusal{"closed", http.StatusServiceUnavailable}
)

func refusals() []*refusal {
	return []*refusal{
		refusedToken, refusedPeer, refusedMethod, refusedTimeout, refusedSize,
		refusedMalformed, refusedSequence, refusedSenders, refusedConnections, refusedClosed,
	}
}

func reasonLabels() []string {
	var labels []string
	for _, r := range refusals() {
		labels = append(labels, r.label)
	}
	return labels
}

// An answer is what a sender is told of a batch.
type answer struct {
	sequence uint64
	status   int
	message  string
}

// refuse counts a refusal and returns the answer.
func (r *Receiver) refuse(why *refusal, sequence uint64, format string, arguments ...any) answer {
	counter := r.counts.refused[why]
	counter.Add(1)
	return answer{sequence, why.status, "otelkv: " + fmt.Sprintf(format, arguments...)}
}
