// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// startTimeout is how long a program may take to be ready.
	startTimeout = time.Minute
	// stopTimeout is how long it may take to end after SIGTERM.
	stopTimeout = 30 * time.Second
)

// A Process is a program that a test started. At the end of the test it is stopped, and
// if the test failed its log is shown.
type Process struct {
	name    string
	command *exec.Cmd
	log     *journal
	exited  chan struct{}
}

// start runs a program until the test ends. It inherits the environment without the
// variables of OpenTelemetry, and gets those of environment.
func start(t testing.TB, name, path string, arguments, environment []string) *Process {
	t.Helper()
	p := &Process{
		name:    name,
		command: exec.Command(path, arguments...),
		log:     &journal{},
		exited:  make(chan struct{}),
	}
	p.command.Stdout, p.command.Stderr = p.log, p.log
	p.command.Dir = t.TempDir()
	p.command.SysProcAttr = endWithParent()
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "OTEL_") {
			p.command.Env = append(p.command.Env, variable)
		}
	}
	p.command.Env = append(p.command.Env, environment...)
	if err := p.command.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	go func() {
		// The state of the command has the result.
		_ = p.command.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, p.Log())
		}
	})
	return p
}

// Stop sends SIGTERM and waits until the process has ended. It may have ended before.
func (p *Process) Stop() error {
	if p.hasExited() {
		return nil
	}
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping %s: %w", p.name, err)
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopTimeout):
		p.Kill()
		return fmt.Errorf("%s did not stop within %v", p.name, stopTimeout)
	}
}

// Kill ends the process at once.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	<-p.exited
}

// Wait waits until the process ends by itself, and returns its exit status.
func (p *Process) Wait(t testing.TB, within time.Duration) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(within):
		t.Fatalf("%s did not end within %v", p.name, within)
	}
	return p.command.ProcessState.ExitCode()
}

// Signal sends the process a signal.
func (p *Process) Signal(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := p.command.Process.Signal(signal); err != nil {
		t.Fatalf("%s: %v; its log:\n%s", p.name, err, p.Log())
	}
}

// Running reports whether the process still runs.
func (p *Process) Running() bool { return !p.hasExited() }

// PID returns the id of the process.
func (p *Process) PID() int { return p.command.Process.Pid }

// KilledBy returns the signal that ended the process, or -1 if it ended by itself.
func (p *Process) KilledBy() syscall.Signal {
	<-p.exited
	status, isWaitStatus := p.command.ProcessState.Sys().(syscall.WaitStatus)
	if !isWaitStatus || !status.Signaled() {
		return -1
	}
	return status.Signal()
}

// AwaitLog waits until the log matches the pattern, and returns the last group of the
// match.
func (p *Process) AwaitLog(t testing.TB, pattern *regexp.Regexp) string {
	t.Helper()
	var found []string
	p.await(t, "ready", func() bool {
		found = pattern.FindStringSubmatch(p.Log())
		return found != nil
	})
	return found[len(found)-1]
}

// Log returns the end of the log.
func (p *Process) Log() string { return p.log.String() }

func (p *Process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// await waits until the condition is true. It fails the test if the process ends first or
// takes too long.
func (p *Process) await(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		switch {
		case condition():
			return
		case p.hasExited():
			t.Fatalf("%s ended (%v) before it was %s", p.name, p.command.ProcessState, what)
		case time.Now().After(deadline):
			t.Fatalf("%s was not %s in time", p.name, what)
		}
	}
}

// A journal keeps the end of a log. It is safe for concurrent use.
type journal struct {
	mu   sync.Mutex
	text []byte
}

const journalBytes = 256 << 10

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text = append(j.text, p...)
	if excess := len(j.text) - journalBytes; excess > 0 {
		j.text = append(j.text[:0], j.text[excess:]...)
	}
	return len(p), nil
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return string(j.text)
}
