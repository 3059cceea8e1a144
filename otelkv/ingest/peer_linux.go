// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"fmt"
	"net"
	"syscall"
)

const peersAreKnown = true

// peerUser returns the user of the process at the other end of a Unix socket.
func peerUser(c net.Conn) (uint32, error) {
	unix, ok := c.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("%T is not a Unix socket", c)
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return 0, err
	}
	var credentials *syscall.Ucred
	var got error
	if err := raw.Control(func(fd uintptr) {
		credentials, got = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if got != nil {
		return 0, got
	}
	return credentials.Uid, nil
}
