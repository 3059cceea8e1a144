// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
)

func openFiles(t *testing.T, dir string, capacity int) *FileTier {
	t.Helper()
	tier, err := OpenFileTier(dir, capacity, testChunkBytes)
	if err != nil {
		t.Fatal(err)
	}
	return tier
}

func content(k Key) []byte {
	b := make([]byte, testChunkBytes)
	compute(k, b)
	return b
}

func write(t *testing.T, tier *FileTier, keys ...Key) {
	t.Helper()
	for _, k := range keys {
		if _, err := tier.Write(k, content(k), checksum(content(k))); err != nil {
			t.Fatal(err)
		}
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}

func TestFileTierServesWhatWasWritten(t *testing.T) {
	dir := t.TempDir()
	write(t, openFiles(t, dir, 4), key(1), key(2))

	reopened := openFiles(t, dir, 4)
	if reopened.Len() != 2 {
		t.Fatalf("the reopened tier has %d chunks, want 2", reopened.Len())
	}
	got := make([]byte, testChunkBytes)
	for _, k := range []Key{key(1), key(2)} {
		sum, err := reopened.Read(k, got)
		if err != nil || sum != checksum(content(k)) || !bytes.Equal(got, content(k)) {
			t.Errorf("chunk %s: sum %x, error %v, or other bytes than were written", k, sum, err)
		}
	}
	if _, err := reopened.Read(key(3), got); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading what was never written: %v, want %v", err, fs.ErrNotExist)
	}
}

func TestFileTierWritesAChunkOnce(t *testing.T) {
	tier := openFiles(t, t.TempDir(), 4)
	for i, want := range []int{testChunkBytes, 0} {
		if written, err := tier.Write(key(1), content(key(1)), checksum(content(key(1)))); written != want || err != nil {
			t.Errorf("write %d: %d bytes, %v; want %d", i+1, written, err, want)
		}
	}
}

func TestFileTierForgetsAFileThatIsGone(t *testing.T) {
	tier := openFiles(t, t.TempDir(), 4)
	write(t, tier, key(1), key(2))
	if err := os.Remove(tier.path(key(1))); err != nil {
		t.Fatal(err)
	}
	if _, err := tier.Read(key(1), make([]byte, testChunkBytes)); !errors.Is(err, fs.ErrNotExist) || tier.Len() != 1 {
		t.Errorf("error %v and %d chunks, want %v and 1", err, tier.Len(), fs.ErrNotExist)
	}
}

// TestFileTierEvictsLeastRecentlyUsed: reading a chunk uses it, and storing it again does,
// too.
func TestFileTierEvictsLeastRecentlyUsed(t *testing.T) {
	for name, use := range map[string]func(*FileTier) error{
		"read": func(tier *FileTier) error {
			_, err := tier.Read(key(1), make([]byte, testChunkBytes))
			return err
		},
		"write": func(tier *FileTier) error {
			_, err := tier.Write(key(1), content(key(1)), checksum(content(key(1))))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tier := openFiles(t, dir, 2)
			write(t, tier, key(1), key(2))
			if err := use(tier); err != nil {
				t.Fatal(err)
			}
			write(t, tier, key(3))
			for n, want := range map[uint64]bool{1: true, 2: false, 3: true} {
				if got := tier.Contains(key(n)); got != want {
					t.Errorf("key %d is in the tier: %v, want %v", n, got, want)
				}
			}
			if len(names(t, dir)) != 2 || tier.Len() != 2 {
				t.Errorf("files %v and %d chunks, want 2 of each", names(t, dir), tier.Len())
			}
		})
	}
}

func TestFileTierNeverServesDamage(t *testing.T) {
	tests := []struct {
		name   string
		damage func(file []byte) []byte
	}{
		{"one bit of the content", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }},
		{"one bit of the checksum", func(b []byte) []byte { b[headerBytes-8] ^= 1; return b }},
		{"one bit of the header's checksum", func(b []byte) []byte { b[headerBytes-1] ^= 1; return b }},
		{"another chunk's key", func(b []byte) []byte { b[len(magic)] ^= 1; return b }},
		{"magic text", func(b []byte) []byte { b[0] ^= 1; return b }},
		{"truncated content", func(b []byte) []byte { return b[:len(b)-1] }},
		{"truncated header", func(b []byte) []byte { return b[:headerBytes-1] }},
		{"empty", func([]byte) []byte { return nil }},
		{"trailing byte", func(b []byte) []byte { return append(b, 0) }},
		{"whole file of another chunk", func([]byte) []byte {
			other := content(key(9))
			return append(makeHeader(key(9), len(other), checksum(other)), other...)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tier := openFiles(t, t.TempDir(), 4)
			write(t, tier, key(1))
			path := tier.path(key(1))
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, test.damage(file), 0o600); err != nil {
				t.Fatal(err)
			}
			var corrupt *CorruptError
			if _, err := tier.Read(key(1), make([]byte, testChunkBytes)); !errors.As(err, &corrupt) || corrupt.Key != key(1) {
				t.Errorf("error %v, want a CorruptError of the chunk", err)
			}
			if tier.Contains(key(1)) || tier.Len() != 0 {
				t.Error("the damaged chunk is still in the tier")
			}
		})
	}
}

// FuzzReadChunk reads files with any content. It accepts exactly the bytes that Write
// writes, and everything else is damage.
func FuzzReadChunk(f *testing.F) {
	whole := append(makeHeader(key(1), testChunkBytes, checksum(content(key(1)))), content(key(1))...)
	f.Add(whole)
	f.Add(whole[:headerBytes])
	f.Add(append(whole[:len(whole):len(whole)], 0))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, file []byte) {
		got := make([]byte, testChunkBytes)
		sum, err := readChunk(bytes.NewReader(file), key(1), got)
		var corrupt *CorruptError
		switch written := append(makeHeader(key(1), len(got), checksum(got)), got...); {
		case err == nil && (!bytes.Equal(file, written) || sum != checksum(got)):
			t.Errorf("served a file that Write does not make")
		case err != nil && !errors.As(err, &corrupt):
			t.Errorf("error %v, want a CorruptError", err)
		}
	})
}

// TestFileTierOpensOverLeftovers opens the directory of a run that was killed, which also has
// other files.
func TestFileTierOpensOverLeftovers(t *testing.T) {
	dir := t.TempDir()
	killed := openFiles(t, dir, 4)
	write(t, killed, key(1), key(2), key(3))
	unfinished, err := killed.create(dir, key(4).String()+".*"+temporarySuffix)
	if err != nil {
		t.Fatal(err)
	}
	if err := unfinished.Close(); err != nil {
		t.Fatal(err)
	}
	others := []string{"123.tmp", "README", "zz.chunk", key(5).String(), key(6).String() + ".txt"}
	for _, name := range others {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	directories := []string{"d.tmp", key(7).String() + ".1.tmp", key(8).String() + ".chunk"}
	for _, name := range directories {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	tier := openFiles(t, dir, 2)
	if tier.Len() != 2 {
		t.Errorf("%d chunks, want the capacity: 2", tier.Len())
	}
	left := names(t, dir)
	for _, name := range slices.Concat(others, directories) {
		if !slices.Contains(left, name) {
			t.Errorf("%s, which is not the tier's, was removed", name)
		}
	}
	if slices.Contains(left, filepath.Base(unfinished.Name())) || len(left) != 2+len(others)+len(directories) {
		t.Errorf("directory holds %v, want two chunks and what is not the tier's", left)
	}
}

// fullDisk opens files whose writes fail because there is no space.
type fullDisk struct {
	*os.File
	name string
}

func (f fullDisk) Name() string { return f.name }

func createOnFullDisk(dir, pattern string) (temporaryFile, error) {
	placeholder, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	if err := placeholder.Close(); err != nil {
		return nil, err
	}
	device, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	return fullDisk{device, placeholder.Name()}, err
}

func TestFileTierOnFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("needs /dev/full")
	}
	dir := t.TempDir()
	tier := openFiles(t, dir, 4)
	write(t, tier, key(1))
	create := tier.create
	tier.create = createOnFullDisk
	if _, err := tier.Write(key(2), content(key(2)), checksum(content(key(2)))); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v, want %v", err, syscall.ENOSPC)
	}
	if got := names(t, dir); len(got) != 1 || tier.Contains(key(2)) {
		t.Errorf("a failed write left %v", got)
	}
	tier.create = create
	write(t, tier, key(2))
}

// shortFile accepts only a part of what is written to it.
type shortFile struct {
	temporaryFile
	left int
}

func (f *shortFile) Write(p []byte) (int, error) {
	if len(p) > f.left {
		n, _ := f.temporaryFile.Write(p[:f.left])
		return n, io.ErrShortWrite
	}
	f.left -= len(p)
	return f.temporaryFile.Write(p)
}

func TestFileTierDropsPartialWrites(t *testing.T) {
	for _, left := range []int{0, headerBytes, headerBytes + testChunkBytes - 1} {
		dir := t.TempDir()
		tier := openFiles(t, dir, 4)
		create := tier.create
		tier.create = func(dir, pattern string) (temporaryFile, error) {
			file, err := create(dir, pattern)
			return &shortFile{file, left}, err
		}
		if _, err := tier.Write(key(1), content(key(1)), 0); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("after %d bytes: error %v, want %v", left, err, io.ErrShortWrite)
		}
		if got := names(t, dir); len(got) != 0 {
			t.Errorf("after %d bytes: %v is left", left, got)
		}
	}
}

// TestFileTierConcurrentUse writes, reads and evicts the same few keys concurrently. Every
// chunk that is served belongs to its key.
func TestFileTierConcurrentUse(t *testing.T) {
	dir := t.TempDir()
	tier := openFiles(t, dir, 4)
	var engines sync.WaitGroup
	for engine := range 4 {
		engines.Go(func() {
			got := make([]byte, testChunkBytes)
			for i := range 300 {
				k := key(uint64((i*7 + engine) % 8))
				if _, err := tier.Write(k, content(k), checksum(content(k))); err != nil {
					t.Errorf("write: %v", err)
				}
				switch _, err := tier.Read(k, got); {
				case errors.Is(err, fs.ErrNotExist):
				case err != nil:
					t.Errorf("read: %v", err)
				case !bytes.Equal(got, content(k)):
					t.Errorf("chunk %s is not what was written", k)
				}
			}
		})
	}
	engines.Wait()
	if tier.Len() > 4 {
		t.Errorf("%d chunks in a tier of 4", tier.Len())
	}
}
