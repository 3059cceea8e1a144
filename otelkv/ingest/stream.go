// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/tinylib/msgp/msgp"
)

const (
	maxConnections = 256 // of one listener

	// frameTimeout bounds how long a frame may take from its first byte to its last,
	// and how long an answer may wait for its reader. Between frames a connection may
	// be silent.
	frameTimeout = 10 * time.Second
)

// A listener is one that is served, with its connections.
type listener struct {
	net.Listener

	mu       sync.Mutex
	stopping bool
	open     map[*connection]struct{}
}

// Serve takes framed batches from the listener's connections until the receiver is
// shut down, and returns nil then, or until the listener fails. It closes the
// listener. Package documentation describes the frames.
func (r *Receiver) Serve(l net.Listener) error {
	served := &listener{Listener: l, open: make(map[*connection]struct{})}
	r.mu.Lock()
	if r.stopped {
		r.mu.Unlock()
		return l.Close()
	}
	r.listeners[served] = struct{}{}
	r.serving.Add(1)
	r.mu.Unlock()
	defer r.serving.Done()
	var connections sync.WaitGroup
	err := r.accept(served, &connections)
	served.stop()
	connections.Wait()
	r.mu.Lock()
	delete(r.listeners, served)
	r.mu.Unlock()
	if err != nil {
		return fmt.Errorf("otelkv: receiver: %w", err)
	}
	return nil
}

// accept serves connections until the listener ends. The error is nil where that was
// asked for.
func (r *Receiver) accept(l *listener, connections *sync.WaitGroup) error {
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
		case l.isStopping() || errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED):
			// It passes when connections end.
			time.Sleep(50 * time.Millisecond)
			continue
		default:
			return err
		}
		c := &connection{Conn: conn}
		if !l.add(c) {
			told := r.refuse(refusedConnections, 0, "more than %d connections", maxConnections)
			connections.Go(func() {
				_ = c.answer(told)
				_ = c.Close()
			})
			continue
		}
		connections.Go(func() {
			defer l.remove(c)
			r.serve(c)
		})
	}
}

// add reports whether there is room for the connection.
func (l *listener) add(c *connection) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= maxConnections || l.stopping {
		return false
	}
	l.open[c] = struct{}{}
	return true
}

func (l *listener) remove(c *connection) {
	_ = c.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

func (l *listener) isStopping() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopping
}

// stop ends accepting, and every connection once the frame at hand is answered.
func (l *listener) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
	_ = l.Close()
	for c := range l.open {
		c.stop()
	}
}

// cut closes every connection at once.
func (l *listener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		_ = c.Close()
	}
}

// A connection is one of a listener.
type connection struct {
	net.Conn

	mu       sync.Mutex
	busy     bool // with a frame
	stopping bool
}

// stop closes a connection that has nothing to answer, and makes another end after
// its answer.
func (c *connection) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopping = true
	if !c.busy {
		_ = c.Close()
	}
}

// begin says that a frame begins, and end that it is answered. They report false if
// the connection is to end.
func (c *connection) begin() bool { return c.turn(true) }
func (c *connection) end() bool   { return c.turn(false) }

func (c *connection) turn(busy bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping {
		return false
	}
	c.busy = busy
	return true
}

// serve answers a connection's frames until it ends or one cannot be read.
func (r *Receiver) serve(c *connection) {
	if r.config.peers != nil {
		if user, err := peerUser(c.Conn); err != nil {
			_ = c.answer(r.refuse(refusedPeer, 0, "the user who connects is not known: %v", err))
			return
		} else if !r.config.peers[user] {
			_ = c.answer(r.refuse(refusedPeer, 0, "user %d may not deliver", user))
			return
		}
	}
	var frame bytes.Buffer
	for {
		last, err := c.read(&frame)
		var told answer
		switch refused := (*frameError)(nil); {
		case errors.As(err, &refused):
			last, told = true, r.refuse(refused.why, 0, "%s", refused.text)
		case err != nil:
			return
		default:
			told = r.take(context.Background(), frame.Bytes(), false)
		}
		if err := c.answer(told); err != nil || !c.end() || last || told.status == refusedToken.status {
			return
		}
		if frame.Cap() > 64<<10 {
			frame = bytes.Buffer{}
		}
	}
}

// A frameError says what is wrong with a frame, after which no other can be read.
type frameError struct {
	why  *refusal
	text string
}

func (e *frameError) Error() string { return e.text }

// read reads one frame: its length, four bytes with the greatest first, and the
// batch. It reports whether the connection is to end after it. Memory is taken as
// the batch arrives, not as its length says.
func (c *connection) read(frame *bytes.Buffer) (last bool, err error) {
	frame.Reset()
	var header [4]byte
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return false, err
	}
	if _, err := io.ReadFull(c, header[:1]); err != nil {
		return false, err
	}
	if !c.begin() {
		return false, net.ErrClosed
	}
	if err := c.SetReadDeadline(time.Now().Add(frameTimeout)); err != nil {
		return false, err
	}
	_, err = io.ReadFull(c, header[1:])
	if err == nil {
		length := binary.BigEndian.Uint32(header[:])
		if length > MaxBatch {
			return true, &frameError{refusedSize, fmt.Sprintf("a frame of %d bytes: at most %d are taken", length, MaxBatch)}
		}
		_, err = io.CopyN(frame, c.Conn, int64(length))
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return true, &frameError{refusedTimeout, fmt.Sprintf("the frame took more than %v", frameTimeout)}
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return true, &frameError{refusedMalformed, "the frame is cut off"}
	}
	return false, err
}

// answer writes what became of a frame, in a frame of its own.
func (c *connection) answer(a answer) error {
	if err := c.SetWriteDeadline(time.Now().Add(frameTimeout)); err != nil {
		return err
	}
	out := make([]byte, 4, 128+len(a.message))
	out = msgp.AppendMapHeader(out, 3)
	out = msgp.AppendUint64(msgp.AppendString(out, "sequence"), a.sequence)
	out = msgp.AppendInt(msgp.AppendString(out, "status"), a.status)
	out = msgp.AppendString(msgp.AppendString(out, "message"), a.message)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4)) //nolint:gosec // An answer is small.
	_, err := c.Write(out)
	return err
}
