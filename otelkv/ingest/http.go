// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

// ServeHTTP takes one batch, the body of a POST request to any path.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	told := r.serveHTTP(w, request)
	switch told.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(told.status)
	// Whoever went away asks again.
	_, _ = io.WriteString(w, told.message+"\n")
}

func (r *Receiver) serveHTTP(w http.ResponseWriter, request *http.Request) answer {
	if !r.authorized(request) {
		return r.refuse(refusedToken, 0, "a bearer token is needed")
	}
	if request.Method != http.MethodPost {
		return r.refuse(refusedMethod, 0, "expected POST, got %.16q", request.Method)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, MaxBatch))
	if err != nil {
		return r.refuse(readRefusal(err), 0, "batch: %v", err)
	}
	// A batch that arrived counts, whether its sender waits for the answer or not.
	return r.take(context.WithoutCancel(request.Context()), body, true)
}

// readRefusal tells why a body could not be read.
func readRefusal(err error) *refusal {
	if errors.As(err, new(*http.MaxBytesError)) {
		return refusedSize
	}
	if timeout := net.Error(nil); errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return refusedTimeout
	}
	return refusedMalformed
}

// authorized reports whether a request has the bearer token, or needs none.
func (r *Receiver) authorized(request *http.Request) bool {
	if r.config.token == nil {
		return true
	}
	scheme, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
	return r.config.token.matches(token) && strings.EqualFold(scheme, "Bearer")
}
