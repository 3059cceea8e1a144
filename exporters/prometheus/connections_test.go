// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestUnusedConnections tests that close closes the connections without a request, also
// later ones, and no other.
func TestUnusedConnections(t *testing.T) {
	unused := &unusedConnections{open: make(map[net.Conn]struct{})}
	ends := make(map[string]net.Conn)
	accept := func(name string) net.Conn {
		near, far := net.Pipe()
		t.Cleanup(func() { _, _ = near.Close(), far.Close() })
		ends[name] = far
		unused.track(near, http.StateNew)
		return near
	}
	accept("unused")
	unused.track(accept("in use"), http.StateActive)
	unused.track(accept("idle"), http.StateIdle)
	unused.close()
	accept("late")
	for name, want := range map[string]bool{"unused": true, "in use": false, "idle": false, "late": true} {
		// Without its deadline a read ends only if the other end is closed.
		_ = ends[name].SetReadDeadline(time.Unix(1, 0))
		_, err := ends[name].Read(make([]byte, 1))
		if got := errors.Is(err, io.EOF); got != want {
			t.Errorf("%s: closed: %t (%v), want %t", name, got, err, want)
		}
	}
}
