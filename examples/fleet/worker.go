// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A client sends the payloads of one worker. It is not safe for concurrent use.
//
// A batch that could not be delivered is kept with its number, and sent first the next
// time. It counts once, even if it arrived and only the answer was lost. Meanwhile new
// stats are added to the worker's payload.
type client struct {
	http     *http.Client
	url      string
	sender   string
	run      string // differs each time, because the numbers begin at 1
	model    string
	engine   int
	sequence uint64
	pending  []byte
}

// newClient returns a client of an aggregator.
func newClient(to, sender, model string, engine int) *client {
	return &client{
		http:   &http.Client{Timeout: 10 * time.Second},
		url:    strings.TrimSuffix(to, "/") + "/v1/batches",
		sender: sender,
		run:    rand.Text(),
		model:  model,
		engine: engine,
	}
}

// encode returns the payload as a batch, in the format that package ingest documents.
func (c *client) encode(payload *stats.Payload) []byte {
	batch := msgp.AppendMapHeader(nil, 4)
	batch = msgp.AppendString(msgp.AppendString(batch, "sender"), c.sender)
	batch = msgp.AppendString(msgp.AppendString(batch, "run"), c.run)
	batch = msgp.AppendUint64(msgp.AppendString(batch, "sequence"), c.sequence)
	batch = msgp.AppendArrayHeader(msgp.AppendString(batch, "records"), 1)
	batch = msgp.AppendArrayHeader(batch, 4)
	batch = msgp.AppendString(msgp.AppendInt(batch, c.engine), c.model)
	batch = msgp.AppendInt64(batch, time.Now().Unix())
	return payload.AppendMessagePack(batch)
}

// flush sends the pending batch, and then takes and sends the content of the payload.
func (c *client) flush(ctx context.Context, payload *stats.Payload) error {
	if err := c.deliver(ctx); err != nil {
		return err
	}
	taken := payload.Take()
	if taken == nil {
		return nil
	}
	c.sequence++
	c.pending = c.encode(taken)
	return c.deliver(ctx)
}

// deliver sends the pending batch. It keeps the batch if sending it again may help.
func (c *client) deliver(ctx context.Context) error {
	if c.pending == nil {
		return nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(c.pending))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/vnd.msgpack")
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("fleet: batch %d: %w", c.sequence, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if isFinal(response.StatusCode) {
		c.pending = nil
	}
	if response.StatusCode != http.StatusOK || bytes.Contains(answer, []byte("left out:")) {
		err = errors.Join(err, fmt.Errorf("fleet: batch %d: %s: %s", c.sequence, response.Status, answer))
	}
	return err
}

// isFinal reports whether the aggregator would give the same answer again. Any other status
// may come from a proxy that cannot reach the aggregator at the moment.
func isFinal(status int) bool {
	switch status {
	case http.StatusOK, http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge:
		return true
	}
	return false
}

// maxSamples bounds the samples of a payload, so that they fit a batch even if the
// aggregator was down for long. A counter is always one number.
const maxSamples = 64 << 10

// A worker stands for a process that copies blocks.
type worker struct {
	payload stats.Payload
	loads   *stats.Int64Counter
	sizes   *stats.Histogram
	samples int // in the payload
}

func newWorker() (*worker, error) {
	w := &worker{}
	var err1, err2 error
	w.loads, err1 = w.payload.Int64Counter(vllm.LoadBytes)
	w.sizes, err2 = w.payload.Histogram(vllm.LoadSize)
	return w, errors.Join(err1, err2)
}

// load records one copy to the GPU.
func (w *worker) load(bytes int64) {
	if w.payload.IsEmpty() {
		w.samples = 0
	}
	w.loads.Add(bytes)
	if w.samples < maxSamples {
		w.samples++
		w.sizes.Record(float64(bytes))
	}
}

// work sends until ctx ends, and then a last time.
func work(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("fleet work", flag.ExitOnError)
	to := flags.String("to", "", "URL of the aggregator")
	model := flags.String("model", "llama", "the label model_name")
	engine := flags.Int("engine", 0, "index of the worker's engine")
	interval := flags.Duration("interval", time.Second, "time between two batches")
	if err := parse(flags, arguments); err != nil {
		return err
	}
	switch u, err := url.Parse(*to); {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%w: -to is %q: expected an HTTP URL", errUsage, *to)
	case *engine < 0:
		return fmt.Errorf("%w: -engine is %d: expected 0 or more", errUsage, *engine)
	case *interval <= 0:
		return fmt.Errorf("%w: -interval is %v: expected more than 0", errUsage, *interval)
	}
	w, err := newWorker()
	if err != nil {
		return err
	}
	c := newClient(*to, fmt.Sprintf("worker-%d", *engine), *model, *engine)
	ticker := time.NewTicker(*interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return withTimeout(ctx, func(ctx context.Context) error { return c.flush(ctx, &w.payload) })
		case <-ticker.C:
			w.load(2 << 20)
			if err := c.flush(ctx, &w.payload); err != nil {
				slog.Warn("a batch was not sent", "error", err)
			}
		}
	}
}
