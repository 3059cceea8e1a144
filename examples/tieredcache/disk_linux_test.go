// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestProgramOnFullFileSystem runs the program in a mount namespace with a file system that
// has room for a few chunks. The program still works, reports the first failure and not
// every one, and nothing is damaged.
func TestProgramOnFullFileSystem(t *testing.T) {
	dir := t.TempDir()
	self := program(t, "-listen", "127.0.0.1:0", "-duration", "2s", "-dir", dir)
	command := exec.Command("/bin/sh", append([]string{"-c",
		`mount -t tmpfs -o size=1m tieredcache "$0" && exec "$@"`, dir}, self.Args...)...)
	command.Env = self.Env
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	probe := exec.Command("/bin/sh", "-c", `mount -t tmpfs -o size=1m tieredcache "$0"`, dir)
	probe.SysProcAttr = command.SysProcAttr
	if output, err := probe.CombinedOutput(); err != nil {
		t.Skipf("cannot mount a file system here: %v: %s", err, output)
	}
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Errorf("exit: %v; standard error:\n%s", err, &stderr)
	}
	if got := strings.Count(stderr.String(), syscall.ENOSPC.Error()); got < 1 || got > 10 {
		t.Errorf("standard error says %d times that the disk is full, want a few times:\n%s", got, &stderr)
	}
	if !strings.Contains(stdout.String(), "tieredcache_failed_writes:('1:fs',)=") {
		t.Errorf("no failed writes in the summary:\n%s", &stdout)
	}
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("the program wrote outside of the file system: %v", left)
	}
}

// TestFileTierOverANamedPipe: opening the pipe would block forever.
func TestFileTierOverANamedPipe(t *testing.T) {
	tier := openFiles(t, t.TempDir(), 4)
	if err := syscall.Mkfifo(tier.path(key(1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tier.Read(key(1), make([]byte, testChunkBytes)); !errors.Is(err, fs.ErrNotExist) || tier.Contains(key(1)) {
		t.Errorf("reading it: %v, want %v", err, fs.ErrNotExist)
	}
	write(t, tier, key(1))
	if !tier.Contains(key(1)) {
		t.Error("a chunk did not take its place")
	}
}
