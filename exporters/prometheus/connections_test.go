// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestUnusedConnections tests that a shutdown closes the connections without a request,
// also the last ones that are accepted, and no other.
func TestUnusedConnections(t *testing.T) { synctest.Test(t, testUnusedConnections) }

func testUnusedConnections(t *testing.T) {
	hooked := 0
	server := &http.Server{ConnState: func(net.Conn, http.ConnState) { hooked++ }}
	done := make(chan struct{})
	closeUnused(server, done)
	ends := make(map[string]net.Conn)
	accept := func(name string) net.Conn {
		near, far := net.Pipe()
		t.Cleanup(func() { _, _ = near.Close(), far.Close() })
		ends[name] = far
		server.ConnState(near, http.StateNew)
		return near
	}
	accept("unused")
	server.ConnState(accept("in use"), http.StateActive)
	server.ConnState(accept("idle"), http.StateIdle)
	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	accept("late")
	close(done)
	synctest.Wait()
	for name, want := range map[string]bool{"unused": true, "in use": false, "idle": false, "late": true} {
		// Without its deadline a read ends only if the other end is closed.
		_ = ends[name].SetReadDeadline(time.Unix(1, 0))
		_, err := ends[name].Read(make([]byte, 1))
		if got := errors.Is(err, io.EOF); got != want {
			t.Errorf("%s: closed: %t (%v), want %t", name, got, err, want)
		}
	}
	if want := 6; hooked != want {
		t.Errorf("the program's hook was called %d times, want %d", hooked, want)
	}
}
