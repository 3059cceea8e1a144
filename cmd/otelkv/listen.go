// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"syscall"
	"time"
)

// An address is a value of --listen: the path of a Unix socket, or the host and port of
// an HTTP server.
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

func parseAddresses(texts []string) (all []address, err error) {
	for _, text := range texts {
		a, wrong := parseAddress(text)
		all, err = append(all, a), errors.Join(err, wrong)
	}
	return all, err
}

var errSocketInUse = errors.New("another process listens there")

// listenUnix listens at a path, and returns the socket's file. It replaces the file of a
// process that was killed.
func listenUnix(path string, mode fs.FileMode) (net.Listener, fs.FileInfo, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		conn, err := net.Dial("unix", path)
		if err == nil {
			_ = conn.Close()
			return nil, nil, fmt.Errorf("otelkv: %s: %w", path, errSocketInUse)
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			if err := os.Remove(path); err != nil {
				return nil, nil, fmt.Errorf("otelkv: %w", err)
			}
		}
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, nil, fmt.Errorf("otelkv: %w", err)
	}
	// When this listener closes, the path may be another's.
	listener.SetUnlinkOnClose(false)
	err = os.Chmod(path, mode)
	var file fs.FileInfo
	if err == nil {
		file, err = os.Lstat(path)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("otelkv: %w", err), listener.Close(), os.Remove(path))
	}
	return listener, file, nil
}

// watchInterval is how often a socket's file is checked.
const watchInterval = time.Second

// serveSocket receives batches at a Unix socket. If somebody removes the socket's file,
// it listens again, and keeps the connections of the first listener. It removes the file
// when ctx ends.
func (s *sidecar) serveSocket(ctx context.Context, path string, mode fs.FileMode) error {
	listener, file, err := listenUnix(path, mode)
	if err != nil {
		return err
	}
	s.log.Info("taking batches", "address", "unix://"+path)
	s.serve(func() error { return s.receiver.Serve(listener) })
	s.serving.Go(func() {
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				// Do not remove another's file.
				if info, err := os.Lstat(path); err == nil && os.SameFile(info, file) {
					_ = os.Remove(path)
				}
				return
			case <-ticker.C:
			}
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				continue
			}
			s.log.Warn(path + " is gone: listening again")
			again, found, err := listenUnix(path, mode)
			if err != nil {
				s.log.Warn(err.Error())
				continue
			}
			file = found
			s.serve(func() error { return s.receiver.Serve(again) })
		}
	})
	return nil
}
