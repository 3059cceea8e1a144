// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A Direction says where a copy goes. The zero Direction is not valid: its copies record
// nothing.
type Direction uint8

// The directions of a copy.
const (
	// Load copies from the offload tier to the GPU.
	Load Direction = iota + 1
	// Store copies from the GPU to the offload tier.
	Store
)

// String returns load or store.
func (d Direction) String() string {
	if names := [...]string{Load: "load", Store: "store"}; d == Load || d == Store {
		return names[d]
	}
	return fmt.Sprintf("Direction(%d)", uint8(d))
}

// Transfers records copies of KV-cache blocks between the GPU and the offload tier, of one
// worker or of several. It is safe for concurrent use.
//
// If a copy completes in one call, time it with [Transfers.Start]. If it is launched on a
// GPU stream and completes later, put two timing events around it, and pass the time
// between them to [Transfers.Record].
//
// The seconds are those of the copy and nothing else. vLLM times the transfer itself: the
// wait for the computation of the blocks, and the preparation of addresses and sizes on
// the host, come before the start. The seconds of several workers add up to
// worker-seconds, which can exceed wall time.
type Transfers struct {
	outlet
	mu     sync.Mutex // guards what follows
	clock  func() time.Time
	copies [Store + 1]copies
}

// copies are the series of one direction.
type copies struct {
	bytes   stats.Adder[int64]
	seconds stats.Adder[float64]
	size    stats.Recorder[float64]
}

// NewTransfers returns a recorder of copies. It returns an error if the binder does not
// have the metrics.
func NewTransfers(opts ...Option) (*Transfers, error) {
	c := sink.NewConfig(opts)
	s := sink.New(c.Binder)
	t := &Transfers{
		clock: c.Clock,
		copies: [...]copies{
			Load:  {s.Int64Counter(vllm.LoadBytes), s.Float64Counter(vllm.LoadTime), s.Histogram(vllm.LoadSize)},
			Store: {s.Int64Counter(vllm.StoreBytes), s.Float64Counter(vllm.StoreTime), s.Histogram(vllm.StoreSize)},
		},
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	t.outlet = outlet{sink.NewOutlet(&t.mu, s, nil)}
	return t, nil
}

// Record records one copy that has completed. A copy of no bytes records nothing. A
// negative time is taken as zero.
func (t *Transfers) Record(d Direction, bytes int64, elapsed time.Duration) {
	t.RecordContext(context.Background(), d, bytes, elapsed)
}

// RecordContext is [Transfers.Record] for a copy whose bytes and time can become
// exemplars of the span in the context. A payload has no exemplars.
func (t *Transfers) RecordContext(ctx context.Context, d Direction, bytes int64, elapsed time.Duration) {
	if bytes <= 0 || d != Load && d != Store {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &t.copies[d]
	sink.Add(ctx, c.bytes, bytes)
	sink.Add(ctx, c.seconds, max(elapsed, 0).Seconds())
	sink.Record(ctx, c.size, float64(bytes))
}

// A Timer times one copy that runs between two calls. It must not be copied. The
// zero Timer does nothing.
type Timer struct {
	transfers *Transfers
	direction Direction
	start     time.Time
	ended     atomic.Bool
}

// Start starts to time a copy. Call it when everything is prepared and there is nothing
// left to wait for. Do not end the timer of a copy that fails.
func (t *Transfers) Start(d Direction) Timer {
	return Timer{transfers: t, direction: d, start: t.clock()}
}

// End records the copy with the bytes that it moved, as [Transfers.Record] does. It may be
// called from another goroutine than [Transfers.Start]. The first call records and returns
// true. Later ones do nothing.
func (t *Timer) End(bytes int64) bool { return t.EndContext(context.Background(), bytes) }

// EndContext is [Timer.End] with a context, as [Transfers.RecordContext] is.
func (t *Timer) EndContext(ctx context.Context, bytes int64) bool {
	if t.transfers == nil || t.ended.Swap(true) {
		return false
	}
	if bytes > 0 {
		t.transfers.RecordContext(ctx, t.direction, bytes, t.transfers.clock().Sub(t.start))
	}
	return true
}
