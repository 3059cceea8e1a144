// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
)

// ServeHTTP receives one batch, the body of a POST request to any path.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	a := r.serveHTTP(w, request)
	switch a.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	}
	http.Error(w, a.message, a.status) // It writes any status with a text.
}

func (r *Receiver) serveHTTP(w http.ResponseWriter, request *http.Request) answer {
	if !r.isAuthorized(request) {
		return r.refuse(refusedToken, 0, "expected a bearer token")
	}
	if request.Method != http.MethodPost {
		return r.refuse(refusedMethod, 0, "expected POST, got %.16q", request.Method)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, MaxBatch))
	if err != nil {
		return r.refuse(readRefusal(err), 0, "batch: %v", err)
	}
	// A batch that arrived counts even if its sender does not wait for the answer.
	return r.receive(context.WithoutCancel(request.Context()), body, true)
}

// readRefusal returns the refusal for an error of reading a batch.
func readRefusal(err error) refusal {
	if errors.Is(err, errFrameSize) || errors.As(err, new(*http.MaxBytesError)) {
		return refusedSize
	}
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return refusedTimeout
	}
	return refusedMalformed
}

// isAuthorized reports whether a request has the bearer token, or needs none.
func (r *Receiver) isAuthorized(request *http.Request) bool {
	if r.config.token == nil {
		return true
	}
	scheme, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
	return r.config.token.matches(token) && strings.EqualFold(scheme, "Bearer")
}
