// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// A Proxy forwards connections to an address, and can cut them. It is safe for concurrent
// use.
type Proxy struct {
	listener net.Listener
	to       string
	// after is the number of bytes from a client after which its connection is cut, or 0.
	after   atomic.Int64
	cuts    atomic.Int64
	gate    sync.RWMutex // held for writing during a partition
	running sync.WaitGroup
}

// NewProxy listens on loopback until the test ends.
func NewProxy(t testing.TB, to string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: listener, to: to}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.running.Wait()
	})
	return p
}

// Address returns the host and port that it listens at.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// CutAfter cuts connections, also open ones, after so many bytes from the client. With 0
// it cuts none.
func (p *Proxy) CutAfter(bytes int64) { p.after.Store(bytes) }

// Cuts returns how many connections were cut.
func (p *Proxy) Cuts() int { return int(p.cuts.Load()) }

// Partition stops all bytes in both directions until heal is called. Connections stay
// open, and new ones are accepted.
func (p *Proxy) Partition() (heal func()) {
	p.gate.Lock()
	return p.gate.Unlock
}

// wait waits for the end of a partition.
func (p *Proxy) wait() {
	p.gate.RLock()
	defer p.gate.RUnlock()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.pass(client) })
	}
}

// pass forwards bytes in both directions until one side closes or the connection is cut.
func (p *Proxy) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	p.wait()
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	p.running.Go(func() {
		_, _ = io.Copy(gated{client, p}, server)
		_ = client.Close()
	})
	var passed int64
	buffer := make([]byte, 512)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		passed += int64(n)
		if after := p.after.Load(); after > 0 && passed > after {
			p.cuts.Add(1)
			return
		}
		p.wait()
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// gated waits for the end of a partition before it writes.
type gated struct {
	io.Writer

	proxy *Proxy
}

func (g gated) Write(b []byte) (int, error) {
	g.proxy.wait()
	return g.Writer.Write(b)
}
