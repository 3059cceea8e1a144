// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"net"
	"net/http"
	"sync"
)

// unusedConnections are the connections without a request so far. Shutdown of
// http.Server waits five seconds for each of them, which is longer than many services
// have to stop. close closes them at once.
type unusedConnections struct {
	next func(net.Conn, http.ConnState) // the hook of the program, or nil

	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

// track is the server's ConnState hook.
func (u *unusedConnections) track(conn net.Conn, state http.ConnState) {
	if u.next != nil {
		u.next(conn, state)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(u.open, conn)
	case u.closed:
		_ = conn.Close()
	default:
		u.open[conn] = struct{}{}
	}
}

// close closes the open ones, and every later one.
func (u *unusedConnections) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for conn := range u.open {
		_ = conn.Close()
	}
}
