// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package servers

import "syscall"

// endWithParent cannot be asked for here: a process ends with its test unless
// that is killed.
func endWithParent() *syscall.SysProcAttr { return nil }
