// SPDX-License-Identifier: Apache-2.0

package processes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/internal/e2e/loopback"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
)

// mounting returns a program's path and arguments to run it in its own mount namespace,
// after the script. It skips the test if that is not allowed.
func mounting(t *testing.T, script string, command ...string) (path string, arguments []string) {
	t.Helper()
	path, err := exec.LookPath("unshare")
	if err != nil {
		t.Skipf("needs unshare: %v", err)
	}
	if output, err := exec.Command(path, "-rm", "sh", "-c", "mount -t tmpfs none /tmp").CombinedOutput(); err != nil {
		t.Skipf("cannot mount a file system here: %v: %s", err, output)
	}
	return path, append([]string{"-rm", "sh", "-c", script + ` && exec "$@"`, "sh"}, command...)
}

var serving = regexp.MustCompile(`Serving metrics at (http://[^\s,]+)`)

// awaitSum waits until a sum is above zero.
func awaitSum(t *testing.T, url, name string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); scraped(t, url, name) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s stays at 0", name)
		}
	}
}

// TestReadOnlyFolder: the cache runs without its file tier, and reports it.
func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	path, arguments := mounting(t, "mount -t tmpfs -o ro none "+dir,
		servers.BuildProgram(t, "examples/tieredcache"), "-listen=127.0.0.1:0", "-dir="+dir)
	process := servers.Run(t, path, nil, arguments...)
	url := process.AwaitLog(t, serving)
	awaitSum(t, url, "tieredcache_failed_writes_total")
	awaitSum(t, url, "vllm:kv_offload_load_bytes_total")
	if status := end(t, process); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if n := strings.Count(process.Log(), syscall.EROFS.Error()); n < 1 || n > 10 {
		t.Errorf("it says %d times that the file system is read-only, want a few times:\n%s", n, process.Log())
	}
}

// TestNoTemporarySpace: the cache does not start without a folder for temporary files,
// and names the folder. If the folder is full, it runs as on a full disk.
func TestNoTemporarySpace(t *testing.T) {
	program, dir := servers.BuildProgram(t, "examples/tieredcache"), t.TempDir()
	for script, folder := range map[string]string{
		"true":                             "/no/such/folder",
		"mount -t tmpfs -o ro none " + dir: dir,
	} {
		path, arguments := mounting(t, script, "env", "TMPDIR="+folder, program, "-listen=127.0.0.1:0")
		process := servers.Run(t, path, nil, arguments...)
		if status := process.Wait(t, ending); status != 1 || !strings.Contains(process.Log(), folder) {
			t.Errorf("in %s: exit status %d: %s", folder, status, process.Log())
		}
	}
	path, arguments := mounting(t, "mount -t tmpfs -o size=64k none "+dir, "env", "TMPDIR="+dir, program, "-listen=127.0.0.1:0")
	process := servers.Run(t, path, nil, arguments...)
	awaitSum(t, process.AwaitLog(t, serving), "tieredcache_failed_writes_total")
	if status := end(t, process); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestForeignFiles replaces half of the chunks of a run by other kinds of files, and adds
// files of other programs. The next run serves the other half, does not hang, counts no
// damaged chunk, and leaves the other files alone.
func TestForeignFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chunks")
	program := servers.BuildProgram(t, "examples/tieredcache")
	arguments := []string{"-listen=127.0.0.1:0", "-dir=" + dir, "-engines=1"}
	first := servers.Run(t, program, nil, append(arguments, "-duration=3s")...)
	if status := first.Wait(t, time.Minute); status != 0 {
		t.Fatalf("exit status %d", status)
	}
	chunks := names(t, dir)
	if len(chunks) < 16 {
		t.Fatalf("the first run left %d chunks", len(chunks))
	}
	foreign := []string{"README", "0000.chunk", "notes.tmp"}
	for _, name := range foreign {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("not a chunk"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range chunks[:len(chunks)/2] {
		path := filepath.Join(dir, name)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		var err error
		switch i % 4 {
		case 0:
			err = syscall.Mkfifo(path, 0o600)
		case 1:
			err = os.Mkdir(path, 0o700)
			foreign = append(foreign, name)
		case 2:
			err = os.Symlink("/no/such/file", path)
		case 3:
			err = os.Symlink("/dev/zero", path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	second := servers.Run(t, program, nil, arguments...)
	url := second.AwaitLog(t, serving)
	awaitSum(t, url, "vllm:kv_offload_tiering_read_bytes_total")
	// A chunk cannot replace a folder.
	awaitSum(t, url, "tieredcache_failed_writes_total")
	if n := scraped(t, url, "tieredcache_corrupt_chunks_total"); n != 0 {
		t.Errorf("%v chunks are taken for corrupt", n)
	}
	if status := end(t, second); status != 0 {
		t.Errorf("exit status %d", status)
	}
	left := names(t, dir)
	for _, name := range foreign {
		if !slices.Contains(left, name) {
			t.Errorf("%s is gone", name)
		}
	}
}

// TestStateOnFullDisk: state that cannot be saved is reported and counted, and batches
// count nevertheless. When there is room again, the next batch saves everything.
func TestStateOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	program := servers.BuildProgram(t, "cmd/otelkv")
	path, command := mounting(t, "mount -t tmpfs -o size=64k none "+dir, program)
	state := filepath.Join(dir, "state")
	addresses := loopback.FreeAddresses(t, 2)
	first := startSidecar(t, addresses, state, append([]string{path}, command...)...)
	// The folder in the namespace of the process.
	inside := fmt.Sprintf("/proc/%d/root%s", first.process.PID(), dir)
	deliver(t, first.batches, encode("a", "1", 1, 5), 200, "1 records")
	filler := filepath.Join(inside, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	deliver(t, first.batches, encode("a", "1", 2, 7), 200, "1 records")
	deliver(t, first.batches, encode("a", "1", 3, 9), 200, "1 records")
	if n := scraped(t, first.scrapes, "otelkv_ingest_state_failures_total"); n != 2 {
		t.Errorf("%v failures are counted, want 2", n)
	}
	if n := strings.Count(first.process.Log(), syscall.ENOSPC.Error()); n != 1 {
		t.Errorf("it says %d times that the disk is full, want once:\n%s", n, first.process.Log())
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	// A repeated batch is saved too.
	deliver(t, first.batches, encode("a", "1", 3, 9), 200, "taken before")
	saved, err := os.ReadFile(filepath.Join(inside, "state"))
	if err != nil {
		t.Fatal(err)
	}
	first.process.Kill()
	kept := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(kept, saved, 0o600); err != nil {
		t.Fatal(err)
	}
	second := startSidecar(t, addresses, kept, program)
	if n := scraped(t, second.scrapes, loadBytes); n != 21 {
		t.Errorf("the next run has %v bytes, want 21", n)
	}
	deliver(t, second.batches, encode("a", "1", 3, 9), 200, "taken before")
	if status := end(t, second.process); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestReadOnlyState: the first batch reports state that cannot be saved.
func TestReadOnlyState(t *testing.T) {
	dir := t.TempDir()
	path, command := mounting(t, "mount -t tmpfs -o ro none "+dir, servers.BuildProgram(t, "cmd/otelkv"))
	s := startSidecar(t, loopback.FreeAddresses(t, 2), filepath.Join(dir, "state"), append([]string{path}, command...)...)
	deliver(t, s.batches, encode("a", "1", 1, 5), 200, "1 records")
	if n := scraped(t, s.scrapes, loadBytes); n != 5 || !strings.Contains(s.process.Log(), syscall.EROFS.Error()) {
		t.Errorf("%v bytes counted, want 5, and it says:\n%s", n, s.process.Log())
	}
	if status := end(t, s.process); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestForeignState: the sidecar refuses to start with a file that is not its state, names
// the file, and does not change it.
func TestForeignState(t *testing.T) {
	program := servers.BuildProgram(t, "cmd/otelkv")
	state := filepath.Join(t.TempDir(), "state")
	for _, text := range []string{"", "{", "\x00\xff", `{"version": 99}`} {
		if err := os.WriteFile(state, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		process := servers.Run(t, program, []string{"OTEL_EXPORTER_PROMETHEUS_PORT=0"}, "sidecar", "--listen=http://127.0.0.1:0", "--health=", "--state="+state)
		if status := process.Wait(t, ending); status != 1 || !strings.Contains(process.Log(), state) {
			t.Errorf("with %q: exit status %d: %s", text, status, process.Log())
		}
		if now, err := os.ReadFile(state); err != nil || string(now) != text {
			t.Errorf("the file is now %q, %v", now, err)
		}
	}
}
