// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	osuser "os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/ingest"
)

// sidecarOptions are the command line of "otelkv sidecar".
type sidecarOptions struct {
	listen        []string
	health        string
	metrics       metricSelection
	senderLabel   string
	tiers         []string
	prime         bool
	engineTimeout time.Duration
	state         string
	tokenFile     string
	users         []string
	socketMode    string
	grace         time.Duration
}

// tokenVariable names the environment variable with the bearer token.
const tokenVariable = "OTELKV_TOKEN"

func newSidecar() *cobra.Command {
	var o sidecarOptions
	command := &cobra.Command{
		Use:   "sidecar",
		Short: "Receive payloads from vLLM servers and workers and export them",
		Long: `sidecar receives the stats payloads of other processes, adds them up, and exports
them. The Python package otelkv-vllm sends them from an unmodified vLLM server. The
documentation of package otelkv/ingest describes the protocol for other senders.

OTEL_METRICS_EXPORTER names the exporters: prometheus, otlp, console or none, or
several with commas. The default is prometheus. Scrapes are served at
OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT, 127.0.0.1:9464 by
default. The other variables of OpenTelemetry work too: OTEL_EXPORTER_OTLP_ENDPOINT,
OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_METRIC_EXPORT_INTERVAL, OTEL_SERVICE_NAME,
OTEL_RESOURCE_ATTRIBUTES and so on.

/healthz answers while the process runs, and /readyz while it receives batches.

On SIGTERM or SIGINT, sidecar refuses further batches, exports a last time and ends
with the status 0. A second signal ends it at once.`,
		Example: `  otelkv sidecar
  otelkv sidecar --listen unix:///run/otelkv/ingest.sock --state /var/lib/otelkv/state.json
  OTEL_METRICS_EXPORTER=prometheus,otlp otelkv sidecar --listen http://127.0.0.1:9466`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			return o.run(command.Context(), command.ErrOrStderr())
		},
	}
	flags := command.Flags()
	flags.StringArrayVar(&o.listen, "listen", []string{"unix:///run/otelkv/ingest.sock"},
		"an `address` that receives batches: unix:///PATH, or http://HOST:PORT for "+batchesPath+" (repeatable)")
	flags.StringVar(&o.socketMode, "socket-mode", "0660", "the `permissions` of Unix sockets")
	flags.StringArrayVar(&o.users, "allow-user", nil, "a `user`, by name or id, who may deliver on Unix sockets; without it every user may (repeatable)")
	flags.StringVar(&o.tokenFile, "token-file", "", "a `file` with the bearer token that senders need (default the variable "+tokenVariable+")")
	flags.StringVar(&o.health, "health", "127.0.0.1:9465", "the `host:port` of health checks; empty for none")
	o.metrics.register(command, specAll)
	flags.BoolVar(&o.prime, "prime", true, "make all metrics of an engine exist at zero from its first payload")
	flags.StringArrayVar(&o.tiers, "tier", nil, "`type` of a secondary tier, such as fs, whose metrics then exist at zero, too (repeatable, in the order of the tiers)")
	flags.StringVar(&o.senderLabel, "sender-label", "", "a `label` for the sender; without it the senders of one engine add up")
	flags.DurationVar(&o.engineTimeout, "engine-timeout", 0, "remove an engine that was silent for that long; 0 keeps it")
	flags.StringVar(&o.state, "state", "", "a `file` that keeps the totals across restarts; not for exports of deltas")
	flags.DurationVar(&o.grace, "grace", 10*time.Second, "how long the last export may take")
	return command
}

// run runs the sidecar until ctx ends or a listener fails.
func (o *sidecarOptions) run(ctx context.Context, stderr io.Writer) (err error) {
	addresses, err := parseAddresses(o.listen)
	mode, modeErr := o.mode()
	receiving, receivingErr := o.receiving()
	if err := errors.Join(err, modeErr, receivingErr, o.checkState()); err != nil {
		return &usageError{err}
	}
	catalogue, err := o.metrics.catalogue()
	if err != nil {
		return err
	}
	s := &sidecar{log: slog.New(slog.NewTextHandler(stderr, nil)), failed: make(chan error, 1)}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { s.log.Warn(err.Error()) }))
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		err = errors.Join(err, s.end(o.grace))
	}()
	if s.recorder, err = otelkv.New(catalogue, o.recording()...); err != nil {
		return err
	}
	if s.pipeline, err = exporters.Start(ctx, s.recorder, exporters.WithDefaultExporters("prometheus")); err != nil {
		return err
	}
	s.log.Info("exporting", "pipeline", s.pipeline.String())
	if s.receiver, err = ingest.New(s.recorder, receiving...); err != nil {
		return err
	}
	if err := s.serveHealth(o.health); err != nil {
		return err
	}
	for _, a := range addresses {
		if err := s.listen(ctx, a, mode); err != nil {
			return err
		}
	}
	s.ready.Store(true)
	s.log.Info("ready")
	select {
	case <-ctx.Done():
		s.log.Info("shutting down")
		return nil
	case err := <-s.failed:
		return err
	}
}

func (o *sidecarOptions) mode() (fs.FileMode, error) {
	mode, err := strconv.ParseUint(o.socketMode, 8, 9)
	if err != nil {
		return 0, fmt.Errorf("--socket-mode is %.64q: expected permissions such as 0660", o.socketMode)
	}
	return fs.FileMode(mode), nil
}

// recording returns the options of the recorder.
func (o *sidecarOptions) recording() []otelkv.Option {
	options := []otelkv.Option{otelkv.WithSelfMetrics(ingest.Catalogue())}
	if o.senderLabel != "" {
		options = append(options, otelkv.WithLabelNames(otelkv.LabelNames{Source: o.senderLabel}))
	}
	return options
}

// receiving returns the options of the receiver.
func (o *sidecarOptions) receiving() ([]ingest.Option, error) {
	var errs []error
	engine := []otelkv.EngineOption{otelkv.WithTiers(o.tiers...)}
	if o.prime {
		engine = append(engine, otelkv.WithPriming())
	}
	options := []ingest.Option{ingest.WithEngineOptions(engine...)}
	if o.senderLabel != "" {
		options = append(options, ingest.WithSenderLabel())
	}
	if o.engineTimeout != 0 {
		options = append(options, ingest.WithEngineTimeout(o.engineTimeout))
	}
	if o.state != "" {
		options = append(options, ingest.WithStateFile(o.state))
	}
	for _, name := range o.users {
		id, err := userID(name)
		errs = append(errs, err)
		options = append(options, ingest.WithPeerUsers(id))
	}
	token, err := o.token()
	errs = append(errs, err)
	if token != "" {
		options = append(options, ingest.WithBearerToken(token))
	}
	return options, errors.Join(errs...)
}

// token returns the bearer token of the file or the environment, or nothing.
func (o *sidecarOptions) token() (string, error) {
	if o.tokenFile == "" {
		return os.Getenv(tokenVariable), nil
	}
	text, err := os.ReadFile(o.tokenFile)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("--token-file: %s is empty", o.tokenFile)
	}
	return token, nil
}

// userID returns the id of a user, given by name or id.
func userID(user string) (uint32, error) {
	if found, err := osuser.Lookup(user); err == nil {
		user = found.Uid
	}
	id, err := strconv.ParseUint(user, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("--allow-user is %.64q: expected a user's name or id", user)
	}
	return uint32(id), nil
}

// checkState returns an error if an exporter of deltas would send the restored totals a
// second time.
func (o *sidecarOptions) checkState() error {
	const variable = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
	preference := strings.ToLower(strings.TrimSpace(os.Getenv(variable)))
	if o.state == "" || preference == "" || preference == "cumulative" || !strings.Contains(os.Getenv("OTEL_METRICS_EXPORTER"), "otlp") {
		return nil
	}
	return fmt.Errorf("--state needs cumulative exports, but %s is %s", variable, preference)
}
