// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
)

// TestTieredCacheOverDamagedFiles damages every file of an earlier run of tieredcache.
// The next run detects and counts the damage, serves none of the files, and ends with
// status 1.
func TestTieredCacheOverDamagedFiles(t *testing.T) {
	program, dir := servers.BuildTieredCache(t), t.TempDir()
	arguments := []string{"-dir=" + dir, "-engines=1", "-seed=3"}
	first := servers.StartTieredCache(t, program, nil, append(arguments, "-duration=3s")...)
	if status := first.Wait(t, time.Minute); status != 0 {
		t.Fatalf("the first run ended with status %d", status)
	}
	damaged := damage(t, dir)

	second := servers.StartTieredCache(t, program, nil, arguments...)
	var found float64
	for deadline := time.Now().Add(time.Minute); found == 0 && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		found = exposition.Flatten(t, exposition.Scrape(t, second.ScrapeURL())).Sum("tieredcache_corrupt_chunks_total", `tier="1:fs"`)
	}
	t.Logf("of %d files damaged, %v were read and found out by the first scrape that shows any", damaged, found)
	if found == 0 {
		t.Error("no damage was counted")
	}
	if err := second.Stop(); err != nil {
		t.Fatal(err)
	}
	if status := second.Wait(t, time.Second); status != 1 {
		t.Errorf("the second run ended with status %d, want 1", status)
	}
}

// damage flips a byte in the middle of every file in dir, and returns their
// number.
func damage(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		content[len(content)/2] ^= 1
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if len(entries) == 0 {
		t.Fatal("the first run left no files")
	}
	return len(entries)
}
