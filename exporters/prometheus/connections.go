// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"net"
	"net/http"
	"sync"
)

// unusedConnections are those over which no request has come yet. A client may
// open one and never use it, and Shutdown of http.Server waits five seconds for
// each, which is longer than many a service has to stop. They are closed at once
// instead, as idle ones are.
type unusedConnections struct {
	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

// track is the server's ConnState hook.
func (u *unusedConnections) track(conn net.Conn, state http.ConnState) {
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

// close closes those that are open, and from now on each new one.
func (u *unusedConnections) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for conn := range u.open {
		_ = conn.Close()
	}
}
