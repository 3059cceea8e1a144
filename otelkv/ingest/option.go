// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/otelkv/otelkv-go/otelkv"
)

// An Option sets one thing of a [Receiver].
type Option interface {
	apply(*config)
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	senderLabel   bool
	engineOptions []otelkv.EngineOption
	engineTimeout time.Duration
	token         *tokenDigest
	peers         map[uint32]bool
	stateFile     string
	problems      []error
}

// WithSenderLabel keeps what several senders say of one engine apart, where it adds
// up otherwise. The recorder needs a label for it: otelkv.WithSourceLabelName.
func WithSenderLabel() Option {
	return optionFunc(func(c *config) { c.senderLabel = true })
}

// WithEngineOptions passes options to the engines that are declared when they speak,
// such as otelkv.WithPriming.
func WithEngineOptions(options ...otelkv.EngineOption) Option {
	return optionFunc(func(c *config) { c.engineOptions = append(c.engineOptions, options...) })
}

// WithEngineTimeout removes an engine that nobody spoke of for as long. One that
// speaks again is declared again, and its totals begin anew. Without it engines stay.
func WithEngineTimeout(timeout time.Duration) Option {
	return optionFunc(func(c *config) {
		if timeout <= 0 {
			c.problems = append(c.problems, fmt.Errorf("the engine timeout is %v: expected more than 0", timeout))
		}
		c.engineTimeout = timeout
	})
}

// WithBearerToken refuses batches without the token: in the header Authorization
// over HTTP (RFC 6750, section 2.1), and in the batch's own field on a stream. It is
// compared in constant time.
func WithBearerToken(token string) Option {
	return optionFunc(func(c *config) {
		if token == "" || strings.ContainsFunc(token, unicode.IsSpace) {
			c.problems = append(c.problems, errors.New("the bearer token is empty or has white space"))
		}
		d := digestOfToken(token)
		c.token = &d
	})
}

// WithPeerUsers lets only processes of the given users, by their ids, deliver on the
// Unix sockets that [Receiver.Serve] is given. It refuses every other kind of
// connection there, and says nothing of HTTP. It needs an operating system that
// tells who connects, which is Linux.
func WithPeerUsers(ids ...uint32) Option {
	return optionFunc(func(c *config) {
		if !peersAreKnown {
			c.problems = append(c.problems, errors.New("this operating system does not tell which user connects"))
		}
		if c.peers == nil {
			c.peers = make(map[uint32]bool)
		}
		for _, id := range ids {
			c.peers[id] = true
		}
	})
}

// WithStateFile keeps the totals and the senders' sequence numbers in a file, so
// that a receiver which starts again goes on from there and still counts no batch
// twice. The file is replaced, atomically, before a sender is told that its batch
// counted. It holds what senders delivered, and nothing that the program recorded
// itself.
//
// Use it for scrapes and for cumulative exports. An exporter of deltas would send
// the restored totals once more. Instruments (otelkv.Recorder.RegisterInstruments) are
// not told the histograms that are restored.
func WithStateFile(path string) Option {
	return optionFunc(func(c *config) {
		if path == "" {
			c.problems = append(c.problems, errors.New("the state file has no name"))
		}
		c.stateFile = path
	})
}
