// SPDX-License-Identifier: Apache-2.0

package servers

import "syscall"

// endWithParent makes a process end even if the test that started it is killed.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
