// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// stateVersion is the version of the file's format.
const stateVersion = 1

// A state is the state file, which keeps totals and sequence numbers across restarts.
type state struct {
	path        string
	definitions map[string]schema.Definition

	requested atomic.Uint64 // calls of save

	mu      sync.Mutex // held while the file is written
	saved   uint64     // the calls of save whose batches the last write had
	failing bool
}

// A stateFile is the format of the file.
type stateFile struct {
	Version int           `json:"version"`
	Senders []*sender     `json:"senders"`
	Engines []savedEngine `json:"engines"`
}

type savedEngine struct {
	engineKey
	Info    []map[string]string `json:"info,omitempty"`
	Entries []*total            `json:"entries"`
}

func newState(path string, recorder *otelkv.Recorder) (*state, error) {
	// The producer is only used for its definitions. Nothing collects from it.
	producer, err := recorder.Producer()
	if err != nil {
		return nil, err
	}
	s := &state{path: path, definitions: make(map[string]schema.Definition)}
	for d := range producer.Definitions() {
		s.definitions[d.PayloadName()], s.definitions[d.PrometheusName], s.definitions[d.Name] = d, d, d
	}
	return s, nil
}

// save returns when the file has everything that was recorded before the call, or could
// not be written. Calls that wait for each other share one write. It counts each write
// that fails, and reports the first of several in a row.
func (s *state) save(r *Receiver) {
	number := s.requested.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saved >= number {
		return
	}
	s.saved = s.requested.Load()
	err := s.write(r)
	if err != nil {
		r.counts.stateFailures.Add(1)
		if !s.failing {
			otel.Handle(fmt.Errorf("otelkv: state file: %w", err))
		}
	}
	s.failing = err != nil
}

// write replaces the file.
func (s *state) write(r *Receiver) (err error) {
	data, err := r.encodeState()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	// Without Sync, a machine that crashes could leave an empty file.
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// encodeState returns the content of the file. No batch is recorded meanwhile, so that
// the file has all of a batch or nothing of it.
func (r *Receiver) encodeState() ([]byte, error) {
	r.recording.Lock()
	defer r.recording.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	file := stateFile{Version: stateVersion, Senders: slices.Collect(maps.Values(r.senders))}
	for key, e := range r.engines {
		file.Engines = append(file.Engines, savedEngine{key, e.totals.info, slices.Collect(maps.Values(e.totals.entries))})
	}
	return json.Marshal(file)
}

// restore continues from the file, if it exists. It returns an error for a file that is
// no state file, and only reports entries that cannot be restored.
func (r *Receiver) restore() error {
	data, err := os.ReadFile(r.state.path)
	if errors.Is(err, fs.ErrNotExist) {
		// The folder must exist: say so now, not at the first write.
		_, err = os.Stat(filepath.Dir(r.state.path))
		return err
	}
	if err != nil {
		return err
	}
	var file stateFile
	if err := json.Unmarshal(data, &file); err != nil {
		return fmt.Errorf("%s: %w", r.state.path, err)
	}
	if file.Version != stateVersion {
		return fmt.Errorf("%s: expected version %d, got %d", r.state.path, stateVersion, file.Version)
	}
	for _, s := range file.Senders {
		if s != nil && len(r.senders) < maxSenders {
			r.senders[s.senderKey] = s
		}
	}
	r.counts.senders.Record(int64(len(r.senders)))
	for _, saved := range file.Engines {
		if err := r.restoreEngine(saved); err != nil {
			otel.Handle(fmt.Errorf("otelkv: state file: engine %d of model %.64q: %w", saved.Index, saved.Model, err))
		}
	}
	return nil
}

func (r *Receiver) restoreEngine(saved savedEngine) error {
	e, err := r.engine(saved.engineKey)
	if err != nil {
		return err
	}
	e.totals.info = saved.Info
	for _, t := range saved.Entries {
		if t != nil {
			e.totals.entries[string(appendKey(nil, t.Connector, t.Metric, t.LabelValues))] = t
		}
	}
	return e.totals.restore(context.Background(), e.engine)
}
