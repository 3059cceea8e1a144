// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package ingest

import (
	"errors"
	"net"
)

const peersAreKnown = false

func peerUser(net.Conn) (uint32, error) { return 0, errors.ErrUnsupported }
