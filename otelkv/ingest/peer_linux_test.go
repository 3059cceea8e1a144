// SPDX-License-Identifier: Apache-2.0

package ingest_test

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/ingest"
)

// TestPeerOfAnotherUser: a receiver that runs as root still recognizes other users.
func TestPeerOfAnotherUser(t *testing.T) {
	const nobody = 65534
	if os.Getuid() != 0 {
		t.Skip("needs the right to be another user")
	}
	_, receiver := newReceiver(t, nil, ingest.WithPeerUsers(0))
	path, _ := serve(t, receiver)
	for _, name := range []string{path, filepath.Dir(path)} {
		if err := os.Chmod(name, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	type dialed struct {
		conn net.Conn
		err  error
	}
	result := make(chan dialed)
	go func() {
		// From here on the thread has the other user. It ends with the goroutine.
		runtime.LockOSThread()
		if _, _, failure := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), nobody, ^uintptr(0)); failure != 0 {
			result <- dialed{nil, failure}
			return
		}
		conn, err := net.Dial("unix", path)
		result <- dialed{conn, err}
	}()
	other := <-result
	if other.err != nil {
		t.Fatal(other.err)
	}
	defer func() { _ = other.conn.Close() }()
	if _, status, says, err := readAnswer(other.conn); err != nil || status != 403 || !strings.Contains(says, "65534") {
		t.Errorf("got %d %q, %v, want 403 for the user 65534", status, says, err)
	}
}
