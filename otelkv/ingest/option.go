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

// An Option configures a [Receiver].
type Option func(*config)

type config struct {
	senderLabel   bool
	engineOptions []otelkv.EngineOption
	engineTimeout time.Duration
	token         *tokenDigest
	peers         map[uint32]bool
	stateFile     string
	problems      []error
}

// WithSenderLabel gives each sender of an engine its own series. Without it, senders add
// up. The recorder needs a label for them: [otelkv.LabelNames].Source.
func WithSenderLabel() Option {
	return func(c *config) { c.senderLabel = true }
}

// WithEngineOptions sets options of the engines that the receiver declares, such as
// otelkv.WithPriming.
func WithEngineOptions(options ...otelkv.EngineOption) Option {
	return func(c *config) { c.engineOptions = append(c.engineOptions, options...) }
}

// WithEngineTimeout removes an engine that had no record for that long. If a record comes
// later, the engine is declared again, and its totals begin at zero. Without this option,
// engines stay.
func WithEngineTimeout(timeout time.Duration) Option {
	return func(c *config) {
		if timeout <= 0 {
			c.problems = append(c.problems, fmt.Errorf("the engine timeout is %v: expected more than 0", timeout))
		}
		c.engineTimeout = timeout
	}
}

// WithBearerToken refuses batches without the token. Over HTTP, it is in the header
// Authorization (RFC 6750, section 2.1). On a stream, it is in the batch's field token. It
// is compared in constant time.
func WithBearerToken(token string) Option {
	return func(c *config) {
		if token == "" || strings.ContainsFunc(token, unicode.IsSpace) {
			c.problems = append(c.problems, errors.New("the bearer token is empty or has white space"))
		}
		d := digestOfToken(token)
		c.token = &d
	}
}

// WithPeerUsers makes [Receiver.Serve] accept only Unix sockets, and only from processes
// of the users with the given ids. It does not concern HTTP. It only works on Linux.
func WithPeerUsers(ids ...uint32) Option {
	return func(c *config) {
		if !peersAreKnown {
			c.problems = append(c.problems, errors.New("peer users are only known on Linux"))
		}
		if c.peers == nil {
			c.peers = make(map[uint32]bool)
		}
		for _, id := range ids {
			c.peers[id] = true
		}
	}
}

// WithStateFile keeps the totals and the senders' sequence numbers in a file. A receiver
// that restarts continues from the file, and still counts each batch once. The receiver
// replaces the file atomically before it answers that a batch counts. The file has what
// senders delivered, and not what the program recorded itself.
//
// Use it for scrapes and for cumulative exports. An exporter of deltas would send the
// restored totals again. Instruments (otelkv.Recorder.RegisterInstruments) do not show
// restored histograms.
func WithStateFile(path string) Option {
	return func(c *config) {
		if path == "" {
			c.problems = append(c.problems, errors.New("the state file has no name"))
		}
		c.stateFile = path
	}
}
