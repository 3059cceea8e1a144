// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// stateVersion is the version of the file's form.
const stateVersion = 1

// A state is what is kept across a restart, and where.
type state struct {
	path        string
	definitions map[string]schema.Definition

	// One save is under way at a time. Batches that came during it are all in the
	// next one.
	mu      sync.Mutex
	saved   uint64 // saves that are over
	saving  bool
	over    sync.Cond
	failing bool
}

// A stateFile is the form of the file.
type stateFile struct {
	Version int           `json:"version"`
	Senders []savedSender `json:"senders"`
	Engines []savedEngine `json:"engines"`
}

type savedSender struct {
	Sender   string    `json:"sender"`
	Run      string    `json:"run,omitempty"`
	Sequence uint64    `json:"sequence"`
	Digest   uint64    `json:"digest,omitempty"`
	Seen     time.Time `json:"seen"`
}

type savedEngine struct {
	Model   string              `json:"model"`
	Index   int                 `json:"index"`
	Sender  string              `json:"sender,omitempty"`
	Info    []map[string]string `json:"info,omitempty"`
	Entries []*total            `json:"entries"`
}

func newState(path string, recorder *otelkv.Recorder) (*state, error) {
	// It is not collected from, and only says what the metrics are.
	producer, err := recorder.Producer()
	if err != nil {
		return nil, err
	}
	s := &state{path: path, definitions: make(map[string]schema.Definition)}
	s.over.L = &s.mu
	for d := range producer.Definitions() {
		s.definitions[d.PayloadName()], s.definitions[d.PrometheusName], s.definitions[d.Name] = d, d, d
	}
	return s, nil
}

func (s *state) newTotals() *totals {
	return &totals{definitions: s.definitions, entries: make(map[string]*total)}
}

// save returns when the file has everything that was recorded before the call, or
// could not be written, which is reported and counted.
func (s *state) save(r *Receiver) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A save under way may have begun before the batch was recorded.
	want := s.saved + 1
	if s.saving {
		want++
	}
	for s.saved < want {
		if s.saving {
			s.over.Wait()
			continue
		}
		s.saving = true
		s.mu.Unlock()
		err := s.write(r)
		s.mu.Lock()
		s.saving = false
		s.saved++
		s.over.Broadcast()
		s.report(r, err)
	}
}

// report tells the first of several failures in a row.
func (s *state) report(r *Receiver, err error) {
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
	data, err := json.Marshal(r.snapshot())
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	// Without this, a machine that stops could leave an empty file.
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// snapshot returns what is to be saved, with all of each batch or nothing of it. It
// shares nothing with what goes on being counted.
func (r *Receiver) snapshot() stateFile {
	r.taking.Lock()
	defer r.taking.Unlock()
	file := stateFile{Version: stateVersion, Senders: []savedSender{}, Engines: []savedEngine{}}
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, s := range r.senders {
		file.Senders = append(file.Senders, savedSender{key.name, key.run, s.last, s.digest, s.seen})
	}
	for key, e := range r.engines {
		saved := savedEngine{Model: key.model, Index: key.index, Sender: key.sender, Info: e.totals.info}
		for _, of := range e.totals.entries {
			entry := *of
			entry.Buckets = slices.Clone(of.Buckets)
			saved.Entries = append(saved.Entries, &entry)
		}
		file.Engines = append(file.Engines, saved)
	}
	slices.SortFunc(file.Senders, func(a, b savedSender) int {
		return cmp.Or(cmp.Compare(a.Sender, b.Sender), cmp.Compare(a.Run, b.Run))
	})
	slices.SortFunc(file.Engines, func(a, b savedEngine) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Index, b.Index), cmp.Compare(a.Sender, b.Sender))
	})
	return file
}

// restore goes on from the file, if there is one. The error says that the file is
// not one of ours; what single entries of it lack is reported only.
func (r *Receiver) restore() error {
	data, err := os.ReadFile(r.state.path)
	if errors.Is(err, fs.ErrNotExist) {
		// A folder that is not there is better found out now.
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
		return fmt.Errorf("%s has the form %d: expected %d", r.state.path, file.Version, stateVersion)
	}
	for _, saved := range file.Senders {
		if len(r.senders) < maxSenders {
			r.senders[senderKey{saved.Sender, saved.Run}] = &sender{seen: saved.Seen, last: saved.Sequence, digest: saved.Digest}
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
	e, _, err := r.engine(engineKey{saved.Model, saved.Index, saved.Sender})
	if err != nil {
		return err
	}
	e.totals.info = saved.Info
	for _, of := range saved.Entries {
		if of != nil {
			e.totals.entries[string(appendKey(nil, of.Connector, of.Metric, of.LabelValues))] = of
		}
	}
	return e.totals.restore(context.Background(), e.engine)
}
