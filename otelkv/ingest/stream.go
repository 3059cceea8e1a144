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
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/tinylib/msgp/msgp"
)

const (
	maxConnections = 256 // of one listener

	// frameTimeout bounds the time from a frame's first byte to its last, and the time
	// to write an answer. A connection may be silent between frames.
	frameTimeout = 10 * time.Second
)

// Serve receives framed batches from the listener's connections. It returns nil when the
// receiver is shut down or the listener is closed, and the listener's error if it fails.
// It closes the listener. The documentation of the package describes the frames.
func (r *Receiver) Serve(l net.Listener) error {
	r.recording.RLock()
	if r.running.Err() != nil {
		r.recording.RUnlock()
		return l.Close()
	}
	r.serving.Add(1)
	r.recording.RUnlock()
	defer r.serving.Done()
	ctx, stop := context.WithCancel(r.running)
	closing := context.AfterFunc(ctx, func() { _ = l.Close() })
	var connections sync.WaitGroup
	err := r.accept(ctx, l, &connections)
	if closing() {
		_ = l.Close()
	}
	stop()
	connections.Wait()
	if err != nil {
		return fmt.Errorf("otelkv: receiver: %w", err)
	}
	return nil
}

// accept serves connections until ctx ends or the listener is closed or fails.
func (r *Receiver) accept(ctx context.Context, l net.Listener, connections *sync.WaitGroup) error {
	slots := make(chan struct{}, maxConnections)
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED):
			// There is room again when other connections end.
			time.Sleep(50 * time.Millisecond)
			continue
		default:
			return err
		}
		select {
		case slots <- struct{}{}:
			connections.Go(func() {
				r.serveConnection(ctx, c)
				<-slots
			})
		default:
			a := r.refuse(refusedConnections, 0, "more than %d connections", maxConnections)
			connections.Go(func() {
				_ = writeAnswer(c, a)
				_ = c.Close()
			})
		}
	}
}

// serveConnection answers frames until the connection ends, a frame cannot be read or
// ctx ends.
func (r *Receiver) serveConnection(ctx context.Context, c net.Conn) {
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(r.connected, func() { _ = c.Close() })()
	if err := r.checkPeer(c); err != nil {
		_ = writeAnswer(c, r.refuse(refusedPeer, 0, "%v", err))
		return
	}
	var frame bytes.Buffer
	for ctx.Err() == nil {
		first, err := awaitFrame(ctx, c)
		if err != nil {
			return
		}
		var a answer
		switch err = readFrame(c, first, &frame); {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			a = r.refuse(readRefusal(err), 0, "frame: %v", err)
		default:
			a = r.receive(context.Background(), frame.Bytes(), false)
		}
		// Where a frame cannot be read, the next one cannot be found.
		if writeAnswer(c, a) != nil || err != nil || a.status == http.StatusUnauthorized {
			return
		}
		if frame.Cap() > 64<<10 {
			frame = bytes.Buffer{}
		}
	}
}

// checkPeer returns an error if the user of the other process may not deliver.
func (r *Receiver) checkPeer(c net.Conn) error {
	if r.config.peers == nil {
		return nil
	}
	user, err := peerUser(c)
	if err != nil {
		return fmt.Errorf("the user who connects is not known: %w", err)
	}
	if !r.config.peers[user] {
		return fmt.Errorf("user %d may not deliver", user)
	}
	return nil
}

// awaitFrame returns the first byte of a frame, or an error once ctx ends.
func awaitFrame(ctx context.Context, c net.Conn) (byte, error) {
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	var first [1]byte
	_, err := io.ReadFull(c, first[:])
	if !stop() {
		return 0, net.ErrClosed
	}
	return first[0], err
}

var errFrameSize = fmt.Errorf("more than %d bytes", MaxBatch)

// readFrame reads the rest of a frame: its length, four bytes in big-endian order, and
// the batch. The buffer grows as the batch arrives, and not before.
func readFrame(c net.Conn, first byte, frame *bytes.Buffer) error {
	if err := c.SetReadDeadline(time.Now().Add(frameTimeout)); err != nil {
		return err
	}
	header := [4]byte{first}
	if _, err := io.ReadFull(c, header[1:]); err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(header[:])
	if length > MaxBatch {
		return errFrameSize
	}
	frame.Reset()
	_, err := io.CopyN(frame, c, int64(length))
	return err
}

// writeAnswer writes an answer as a frame.
func writeAnswer(c net.Conn, a answer) error {
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
