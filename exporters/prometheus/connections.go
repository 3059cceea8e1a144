// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"net"
	"net/http"
	"sync"
)

// closeUnused makes the server's Shutdown close the connections without a request so far.
// It would wait five seconds for each of them, which is longer than many services have to
// stop. The channel is closed when the server accepts no more connections.
func closeUnused(server *http.Server, done <-chan struct{}) {
	var unused sync.Map // of connections
	next := server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if next != nil {
			next(conn, state)
		}
		if state == http.StateNew {
			unused.Store(conn, nil)
		} else {
			unused.Delete(conn)
		}
	}
	server.RegisterOnShutdown(func() {
		<-done
		for conn := range unused.Range {
			_ = conn.(net.Conn).Close()
		}
	})
}
