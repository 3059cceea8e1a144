// SPDX-License-Identifier: Apache-2.0

// Package loopback chooses addresses for servers that are started later.
package loopback

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
	"testing"
)

// The ports lie below the range from which systems choose free ports, so that no socket
// of another test takes one before its server listens.
const (
	firstPort = 20_000
	ports     = 10_000
)

// FreeAddresses returns n free addresses on loopback.
func FreeAddresses(t testing.TB, n int) []string {
	t.Helper()
	addresses := make([]string, 0, n)
	for len(addresses) < n {
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+rand.IntN(ports))))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		// All stay open until the end, so that they differ.
		defer func() { _ = listener.Close() }()
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses
}
