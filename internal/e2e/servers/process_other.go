// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package servers

import "syscall"

// endWithParent does nothing: only Linux can end a process when its test is killed.
func endWithParent() *syscall.SysProcAttr { return nil }
