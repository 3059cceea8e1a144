// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"
)

// An address is one that --listen gives: the path of a Unix socket, or the host and
// port of an HTTP server.
type address struct {
	unix string
	http string
}

func parseAddress(text string) (address, error) {
	u, err := url.Parse(text)
	switch {
	case err == nil && u.Scheme == "unix" && u.Host == "" && u.Path != "":
		return address{unix: u.Path}, nil
	case err == nil && u.Scheme == "http" && u.Port() != "" && (u.Path == "" || u.Path == "/" || u.Path == batchesPath):
		return address{http: u.Host}, nil
	}
	return address{}, fmt.Errorf("--listen is %.256q: expected unix:///PATH or http://HOST:PORT", text)
}

// batchesPath is where batches are taken over HTTP.
const batchesPath = "/v1/batches"

// errSocketInUse says that another process listens at the path.
var errSocketInUse = errors.New("another process listens there")

// A socket is a Unix socket that is put back when somebody removes its file.
type socket struct {
	path     string
	mode     fs.FileMode
	listener *net.UnixListener
	file     fs.FileInfo
}

// listenUnix listens at a path. A file that a process left which was killed is
// replaced.
func listenUnix(path string, mode fs.FileMode) (*socket, error) {
	s := &socket{path: path, mode: mode}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		conn, err := net.Dial("unix", path)
		if err == nil {
			_ = conn.Close()
			return nil, fmt.Errorf("%s: %w", path, errSocketInUse)
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			if err := os.Remove(path); err != nil {
				return nil, err
			}
		}
	}
	return s, s.listen()
}

func (s *socket) listen() error {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.path, Net: "unix"})
	if err != nil {
		return err
	}
	// Another file may be at the path when this listener closes.
	listener.SetUnlinkOnClose(false)
	err = os.Chmod(s.path, s.mode)
	if err == nil {
		s.file, err = os.Lstat(s.path)
	}
	if err != nil {
		return errors.Join(err, listener.Close(), os.Remove(s.path))
	}
	s.listener = listener
	return nil
}

// isOurs reports whether the path is the socket's still. It is not where somebody
// removed or replaced the file.
func (s *socket) isOurs() (ours, missing bool) {
	info, err := os.Lstat(s.path)
	return err == nil && os.SameFile(info, s.file), errors.Is(err, fs.ErrNotExist)
}

// remove removes the file, unless it is another's by now.
func (s *socket) remove() {
	if ours, _ := s.isOurs(); ours {
		_ = os.Remove(s.path)
	}
}

// watchInterval is how often a socket looks after its file.
const watchInterval = time.Second

// serve serves the socket until ctx ends, and listens anew when its file is gone.
// Connections that exist stay.
func (s *socket) serve(ctx context.Context, serve func(net.Listener) error, report func(error)) error {
	defer s.remove()
	ended := make(chan error, 1)
	start := func() {
		l := s.listener
		go func() { ended <- serve(l) }()
	}
	start()
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-ticker.C:
			if ctx.Err() != nil {
				continue // serve ends
			}
			if _, missing := s.isOurs(); !missing {
				continue
			}
			// Whoever is connected to the old one stays so: it is served on, and
			// nobody new finds it.
			report(fmt.Errorf("%s is gone: listening anew", s.path))
			old := ended
			if err := s.listen(); err != nil {
				report(err)
				continue
			}
			ended = make(chan error, 1)
			forward(old, report)
			start()
		}
	}
}

// forward reports how a listener that nobody waits for ends.
func forward(ended <-chan error, report func(error)) {
	go func() {
		if err := <-ended; err != nil {
			report(err)
		}
	}()
}

// newHTTPServer returns a server with bounds on what one client can hold.
func newHTTPServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}
