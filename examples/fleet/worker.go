package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A client sends the payloads of one worker. It is not safe for concurrent use.
//
// A batch that could not be delivered is kept as it was, under its number, and is
// sent first the next time: whether it arrived and only the answer got lost, it
// counts once. Meanwhile stats go on gathering in the worker's payload, which is
// bounded by what it merges to and not by how long the aggregator is away.
type client struct {
	http     *http.Client
	batches  string // URL of the sender's batches
	engine   int
	sequence uint64
	pending  []byte
}

// newClient returns a client of an aggregator. The sender's name must be another
// one in each run, since its numbers begin at 1.
func newClient(to, sender string, engine int) *client {
	return &client{
		http:    &http.Client{Timeout: 10 * time.Second},
		batches: strings.TrimSuffix(to, "/") + "/batches/" + url.PathEscape(sender),
		engine:  engine,
	}
}

// flush sends what is pending, and then what the payload holds, which it takes.
func (c *client) flush(ctx context.Context, payload *stats.Payload) error {
	if err := c.deliver(ctx); err != nil {
		return err
	}
	taken := payload.Take()
	if taken == nil {
		return nil
	}
	c.sequence++
	c.pending = encodeBatch(record{c.engine, taken})
	return c.deliver(ctx)
}

// deliver sends the pending batch. It keeps it where sending it again may help.
func (c *client) deliver(ctx context.Context) error {
	if c.pending == nil {
		return nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/%d", c.batches, c.sequence), bytes.NewReader(c.pending))
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
	if response.StatusCode >= 500 {
		return fmt.Errorf("fleet: batch %d: %s: %s", c.sequence, response.Status, answer)
	}
	c.pending = nil
	if response.StatusCode != http.StatusOK || bytes.Contains(answer, []byte("left out:")) {
		err = errors.Join(err, fmt.Errorf("fleet: batch %d: %s: %s", c.sequence, response.Status, answer))
	}
	return err
}

// work stands for a worker that copies blocks. It sends until ctx ends, and then
// once more.
func work(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("work", flag.ContinueOnError)
	to := flags.String("to", "", "URL of the aggregator")
	engine := flags.Int("engine", 0, "index of the engine that the worker serves")
	interval := flags.Duration("interval", time.Second, "time between two batches")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *to == "" || *interval <= 0 {
		return errUsage
	}
	payload := new(stats.Payload)
	loads, err1 := payload.Int64Counter(vllm.LoadBytes)
	sizes, err2 := payload.Histogram(vllm.LoadSize)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	c := newClient(*to, fmt.Sprintf("worker-%d-%d", *engine, time.Now().UnixNano()), *engine)
	ticker := time.NewTicker(*interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return withTimeout(ctx, func(ctx context.Context) error { return c.flush(ctx, payload) })
		case <-ticker.C:
			loads.Add(2 << 20)
			sizes.Record(2 << 20)
			if err := c.flush(ctx, payload); err != nil {
				slog.Warn("a batch was not sent", "error", err)
			}
		}
	}
}
