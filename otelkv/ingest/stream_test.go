// SPDX-License-Identifier: Apache-2.0

package ingest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/otelkv/ingest"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// frame returns a batch after its length.
func frame(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// readAnswer reads an answer's frame.
func readAnswer(r io.Reader) (sequence uint64, status int, message string, err error) {
	var header [4]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, 0, "", err
	}
	body := make([]byte, binary.BigEndian.Uint32(header[:]))
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, 0, "", err
	}
	n, rest, err := msgp.ReadMapHeaderBytes(body)
	if err != nil || n != 3 {
		return 0, 0, "", errors.Join(err, errors.New("expected a map of 3"))
	}
	for range n {
		var key string
		if key, rest, err = msgp.ReadStringBytes(rest); err != nil {
			return 0, 0, "", err
		}
		switch key {
		case "sequence":
			sequence, rest, err = msgp.ReadUint64Bytes(rest)
		case "status":
			status, rest, err = msgp.ReadIntBytes(rest)
		case "message":
			message, rest, err = msgp.ReadStringBytes(rest)
		}
		if err != nil {
			return 0, 0, "", err
		}
	}
	return sequence, status, message, nil
}

// serve serves a Unix socket until the test ends, and returns its path and what
// Serve returned.
func serve(t *testing.T, receiver *ingest.Receiver) (path string, ended <-chan error) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ingest") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path = filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- receiver.Serve(l) }()
	return path, result
}

func dial(t *testing.T, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// exchange sends bytes and returns the answer.
func exchange(t *testing.T, conn net.Conn, out []byte) (sequence uint64, status int, message string) {
	t.Helper()
	if _, err := conn.Write(out); err != nil {
		t.Fatal(err)
	}
	sequence, status, message, err := readAnswer(conn)
	if err != nil {
		t.Fatal(err)
	}
	return sequence, status, message
}

func isClosed(conn net.Conn) bool {
	_, err := conn.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// TestStream: a connection answers frame after frame, even after a refused batch, and
// Serve ends with Shutdown.
func TestStream(t *testing.T) {
	recorder, receiver := newReceiver(t, nil, ingest.WithBearerToken("secret"))
	path, ended := serve(t, receiver)
	conn := dial(t, path)
	good := batch{sender: "a", sequence: 1, token: "secret", records: [][]byte{encodeRecord(0, "m", 0, loaded(t, 1))}}
	for i, c := range []struct {
		body     []byte
		sequence uint64
		status   int
		says     string
	}{
		{good.encode(), 1, 200, "1 records"},
		{good.encode(), 1, 200, "taken before"},
		{append(good.encode(), 0), 1, 400, "bytes after"},
		{batch{sender: "a", token: "secret", sequence: 2}.encode(), 2, 200, "0 records"},
		{batch{sender: "a", token: "other", sequence: 3}.encode(), 3, 401, "token"},
	} {
		sequence, status, says := exchange(t, conn, frame(c.body))
		if sequence != c.sequence || status != c.status || !strings.Contains(says, c.says) {
			t.Errorf("frame %d: got %d, %d %q, want %d, %d and %q", i, sequence, status, says, c.sequence, c.status, c.says)
		}
	}
	if !isClosed(conn) {
		t.Error("a connection without the token stays open")
	}
	if v := total(recorder, vllm.LoadBytes, nil); v != 1 {
		t.Errorf("%v was counted, want 1", v)
	}
	idle := dial(t, path)
	exchange(t, idle, frame(good.encode()))
	if err := receiver.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !isClosed(idle) {
		t.Error("an idle connection outlives the receiver")
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := receiver.Serve(l); err != nil {
		t.Errorf("Serve after Shutdown: %v", err)
	}
}

// TestBadFrames checks the answer to a frame that cannot be read, and that the connection
// ends.
func TestBadFrames(t *testing.T) {
	for name, c := range map[string]struct {
		out    []byte
		reason string
		status int
	}{
		"too large": {binary.BigEndian.AppendUint32(nil, ingest.MaxBatch+1), "too_large", 413},
		"empty":     {frame(nil), "malformed", 400},
		"cut off":   {frame([]byte("\x80"))[:4], "malformed", 400},
	} {
		t.Run(name, func(t *testing.T) {
			recorder, receiver := newReceiver(t, nil)
			path, _ := serve(t, receiver)
			conn := dial(t, path)
			if _, err := conn.Write(c.out); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if _, status, _, err := readAnswer(conn); err != nil || status != c.status {
				t.Errorf("got %d, %v, want %d", status, err, c.status)
			}
			if !isClosed(conn) {
				t.Error("the connection stays open")
			}
			if v := total(recorder, metric("otelkv.ingest.refused_batches"), otelkvtest.Labels{"reason": c.reason}); v != 1 {
				t.Errorf("%v were refused for %s", v, c.reason)
			}
		})
	}
}

// TestPeers: only listed users may deliver.
func TestPeers(t *testing.T) {
	self := uint32(os.Getuid())
	for user, status := range map[uint32]int{self: 200, self + 1: 403} {
		_, receiver := newReceiver(t, nil, ingest.WithPeerUsers(user))
		path, _ := serve(t, receiver)
		conn := dial(t, path)
		// For a refused user, the connection may be closed already, with the answer in it.
		if _, err := conn.Write(frame(batch{sender: "a", sequence: 1}.encode())); err != nil && !errors.Is(err, syscall.EPIPE) {
			t.Fatal(err)
		}
		if _, got, says, err := readAnswer(conn); err != nil || got != status {
			t.Errorf("user %d: got %d %q, %v, want %d", user, got, says, err, status)
		}
	}
	_, receiver := newReceiver(t, nil, ingest.WithPeerUsers(self))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = receiver.Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, status, _, err := readAnswer(conn); err != nil || status != 403 {
		t.Errorf("over TCP, where users are not known: %d, %v", status, err)
	}
}

// TestConnectionsThatEnded: they make room for others.
func TestConnectionsThatEnded(t *testing.T) {
	_, receiver := newReceiver(t, nil)
	path, _ := serve(t, receiver)
	for sequence := range uint64(300) {
		conn := dial(t, path)
		if _, status, says := exchange(t, conn, frame(batch{sender: "a", sequence: sequence + 1}.encode())); status != 200 {
			t.Fatalf("connection %d: %d %s", sequence+1, status, says)
		}
		_ = conn.Close()
	}
}

// TestListenerThatIsClosed: Serve ends as with Shutdown.
func TestListenerThatIsClosed(t *testing.T) {
	_, receiver := newReceiver(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- receiver.Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, status, says := exchange(t, conn, frame(batch{sender: "a", sequence: 1}.encode())); status != 200 {
		t.Fatal(says)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

// failing is a listener whose Accept fails.
type failing struct{ net.Listener }

var errListener = errors.New("the listener's fault")

func (failing) Accept() (net.Conn, error) { return nil, errListener }

// TestListenerThatFails: Serve returns the listener's error.
func TestListenerThatFails(t *testing.T) {
	_, receiver := newReceiver(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := receiver.Serve(failing{l}); !errors.Is(err, errListener) {
		t.Errorf("Serve returned %v, want %v", err, errListener)
	}
}

// TestConnectionsAreBounded: one connection too many gets an answer that says so.
func TestConnectionsAreBounded(t *testing.T) {
	recorder, receiver := newReceiver(t, nil)
	path, _ := serve(t, receiver)
	body := frame(batch{sender: "a", sequence: 1}.encode())
	for range 256 {
		if _, status, says := exchange(t, dial(t, path), body); status != 200 {
			t.Fatal(says)
		}
	}
	if _, status, _, err := readAnswer(dial(t, path)); err != nil || status != 503 {
		t.Errorf("one connection too many: %d, %v", status, err)
	}
	if v := total(recorder, metric("otelkv.ingest.refused_batches"), otelkvtest.Labels{"reason": "too_many_connections"}); v != 1 {
		t.Errorf("%v were refused", v)
	}
}

// A pipe is a listener of connections in memory, which work in a synctest bubble.
type pipe struct {
	connections chan net.Conn
	closed      chan struct{}
}

func newPipe() *pipe { return &pipe{make(chan net.Conn), make(chan struct{})} }

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipe) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipe) dial() net.Conn {
	here, there := net.Pipe()
	p.connections <- there
	return here
}

// TestSlowFrames: a frame may take ten seconds from its first byte, and so may reading an
// answer. Between frames a connection may be silent.
func TestSlowFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder, receiver := newReceiver(t, nil)
		p := newPipe()
		go func() { _ = receiver.Serve(p) }()
		body := frame(batch{sender: "a", sequence: 1}.encode())
		conn := p.dial()
		time.Sleep(time.Hour)
		if _, status, says := exchange(t, conn, body); status != 200 {
			t.Error(says)
		}
		// A slow writer.
		go func() {
			for i := range body {
				if _, err := conn.Write(body[i : i+1]); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		begin := time.Now()
		if _, status, _, err := readAnswer(conn); err != nil || status != 408 {
			t.Errorf("got %d, %v, want 408", status, err)
		}
		if took := time.Since(begin); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("it took %v", took)
		}
		if v := total(recorder, metric("otelkv.ingest.refused_batches"), otelkvtest.Labels{"reason": "timeout"}); v != 1 {
			t.Errorf("%v were refused for their time", v)
		}
		// A reader that does not read.
		deaf := p.dial()
		if _, err := deaf.Write(body); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		if !isClosed(deaf) {
			t.Error("an answer waits for its reader for ever")
		}
	})
}

// TestShutdownFinishesTheFrameInProgress, or closes the connection at the deadline.
func TestShutdownFinishesTheFrameInProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, late := range []bool{false, true} {
			_, receiver := newReceiver(t, nil)
			p := newPipe()
			ended := make(chan error, 1)
			go func() { ended <- receiver.Serve(p) }()
			conn := p.dial()
			body := frame(batch{sender: "a", sequence: 1}.encode())
			if _, err := conn.Write(body[:5]); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if !late {
				go func() {
					time.Sleep(time.Second)
					_, _ = conn.Write(body[5:])
					// The answer says that it came too late to count.
					if _, status, _, err := readAnswer(conn); err != nil || status != 503 {
						t.Errorf("got %d, %v", status, err)
					}
				}()
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			err := receiver.Shutdown(ctx)
			cancel()
			if (err != nil) != late {
				t.Errorf("late %v: Shutdown returned %v", late, err)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}
