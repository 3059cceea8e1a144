// SPDX-License-Identifier: Apache-2.0

package main

import (
	"container/list"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

const (
	chunkSuffix     = ".chunk"
	temporarySuffix = ".tmp"
)

// A FileTier keeps chunks in files, one file per chunk. Its directory belongs to one
// process, whose engines share it. It has a maximal number of chunks, and evicts the least
// recently used one. It also serves the chunks that an earlier run left in the directory.
//
// A FileTier is safe for concurrent use. It holds no lock during input or output.
type FileTier struct {
	dir        string
	chunkBytes int
	capacity   int

	// create opens a new temporary file, as [os.CreateTemp] does. Tests replace it.
	create func(dir, pattern string) (temporaryFile, error)

	mu     sync.Mutex
	recent *list.List // of Key, least recently used first
	places map[Key]*list.Element
}

// A temporaryFile is a chunk's file before it has its final name.
type temporaryFile interface {
	io.WriteCloser
	Name() string
}

// A CorruptError says that the content of a chunk's file is not what was written to it. The
// file has been removed.
type CorruptError struct {
	Key    Key
	Reason string
}

// Error returns the key and the reason.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("chunk %s: corrupt file: %s", e.Key, e.Reason)
}

// OpenFileTier returns a tier in dir, which must exist. It keeps the chunks in the
// directory, up to capacity, and removes files of interrupted writes. It does not touch
// other files.
func OpenFileTier(dir string, capacity, chunkBytes int) (*FileTier, error) {
	t := &FileTier{
		dir:        dir,
		chunkBytes: chunkBytes,
		capacity:   capacity,
		create: func(dir, pattern string) (temporaryFile, error) {
			return os.CreateTemp(dir, pattern)
		},
		recent: list.New(),
		places: make(map[Key]*list.Element, capacity),
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		name := entry.Name()
		stem, _, _ := strings.Cut(name, ".")
		key, ok := parseKey(stem)
		switch {
		case !ok || !entry.Type().IsRegular():
		case name == stem+chunkSuffix:
			err = errors.Join(err, t.add(key))
		case strings.HasSuffix(name, temporarySuffix):
			err = errors.Join(err, os.Remove(filepath.Join(dir, name)))
		}
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Contains reports whether the tier has a file for the key. It asks the file system, which
// may be slow, and does not check the content. Only regular files count, because opening a
// named pipe could block forever.
func (t *FileTier) Contains(key Key) bool {
	info, err := os.Lstat(t.path(key))
	return err == nil && info.Mode().IsRegular()
}

// Read fills dst, which must have the chunk size, with the key's chunk, and returns its
// checksum. It returns [fs.ErrNotExist] if there is no chunk, and a [*CorruptError] if the
// file is damaged. With an error, the content of dst is undefined.
func (t *FileTier) Read(key Key, dst []byte) (sum uint32, err error) {
	if !t.Contains(key) {
		t.forget(key)
		return 0, fmt.Errorf("chunk %s: %w", key, fs.ErrNotExist)
	}
	file, err := os.Open(t.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		t.forget(key)
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	sum, err = readChunk(file, key, dst)
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		return 0, errors.Join(err, t.remove(key))
	}
	if err != nil {
		return 0, err
	}
	t.markUsed(key)
	return sum, nil
}

// Write stores a chunk's content, which must have the checksum sum. It returns the number of
// bytes written, which is 0 if the tier has the chunk already. An error, such as a full
// disk, does not change the tier.
func (t *FileTier) Write(key Key, content []byte, sum uint32) (written int, err error) {
	if t.Contains(key) {
		t.markUsed(key)
		return 0, nil
	}
	file, err := t.create(t.dir, key.String()+".*"+temporarySuffix)
	if err != nil {
		return 0, err
	}
	if err := writeChunk(file, key, content, sum); err != nil {
		return 0, errors.Join(err, os.Remove(file.Name()))
	}
	// Under this name, a reader finds a whole file or none.
	if err := os.Rename(file.Name(), t.path(key)); err != nil {
		return 0, errors.Join(err, os.Remove(file.Name()))
	}
	return len(content), t.add(key)
}

// Len returns the number of chunks in the tier.
func (t *FileTier) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.recent.Len()
}

// markUsed makes a key the most recently used one, if the tier has it.
func (t *FileTier) markUsed(key Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if place, ok := t.places[key]; ok {
		t.recent.MoveToBack(place)
	}
}

// add adds a key whose file exists, and removes the files of keys beyond the capacity.
func (t *FileTier) add(key Key) error {
	var err error
	for _, evicted := range t.insert(key) {
		err = errors.Join(err, removeFile(t.path(evicted)))
	}
	return err
}

func (t *FileTier) insert(key Key) (evicted []Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if place, ok := t.places[key]; ok {
		t.recent.MoveToBack(place)
		return nil
	}
	t.places[key] = t.recent.PushBack(key)
	for t.recent.Len() > t.capacity {
		oldest := t.recent.Remove(t.recent.Front()).(Key)
		delete(t.places, oldest)
		evicted = append(evicted, oldest)
	}
	return evicted
}

func (t *FileTier) forget(key Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if place, ok := t.places[key]; ok {
		t.recent.Remove(place)
		delete(t.places, key)
	}
}

func (t *FileTier) remove(key Key) error {
	t.forget(key)
	return removeFile(t.path(key))
}

// removeFile removes a file that another goroutine may have removed already.
func removeFile(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (t *FileTier) path(key Key) string {
	return filepath.Join(t.dir, key.String()+chunkSuffix)
}

// A chunk's file is a header and the content. The header is the magic text, the key, the
// content's length, the content's CRC-32C, and a CRC-32C of the header itself. Numbers are
// big-endian.
const (
	magic       = "otelkv/chunk/v1\n"
	headerBytes = len(magic) + len(Key{}) + 4 + 4 + 4
)

func makeHeader(key Key, length int, sum uint32) []byte {
	b := append(make([]byte, 0, headerBytes), magic...)
	b = append(b, key[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	b = binary.BigEndian.AppendUint32(b, sum)
	return binary.BigEndian.AppendUint32(b, checksum(b))
}

func writeChunk(file io.WriteCloser, key Key, content []byte, sum uint32) error {
	_, err := file.Write(makeHeader(key, len(content), sum))
	if err == nil {
		_, err = file.Write(content)
	}
	return errors.Join(err, file.Close())
}

// readChunk reads and checks the whole file of a chunk.
func readChunk(r io.Reader, key Key, dst []byte) (sum uint32, err error) {
	header := make([]byte, headerBytes)
	if err := readFull(r, key, header); err != nil {
		return 0, err
	}
	if err := readFull(r, key, dst); err != nil {
		return 0, err
	}
	if n, _ := r.Read(make([]byte, 1)); n != 0 {
		return 0, &CorruptError{key, "longer than a chunk"}
	}
	sum = checksum(dst)
	if string(header) != string(makeHeader(key, len(dst), sum)) {
		return 0, &CorruptError{key, "checksum, key or length differs"}
	}
	return sum, nil
}

func readFull(r io.Reader, key Key, dst []byte) error {
	_, err := io.ReadFull(r, dst)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &CorruptError{key, "shorter than a chunk"}
	}
	return err
}
