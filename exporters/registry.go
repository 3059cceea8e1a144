package exporters

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/exporters/console"
	"github.com/otelkv/otelkv-go/exporters/otlp"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/schema"
)

// The names of the exporters that every registry has (OpenTelemetry
// specification, "Exporter Selection").
const (
	Prometheus = "prometheus"
	OTLP       = "otlp"
	Console    = "console"
	// None stands for no exporter, and stands alone.
	None = "none"
)

// Errors of a pipeline.
var (
	// ErrUnknownExporter says that a registry has no exporter of the name.
	ErrUnknownExporter = errors.New("no such exporter")
	// ErrConflict says that two recorders of a pipeline define a metric differently.
	ErrConflict = errors.New("defined differently")
	// ErrDuplicateExporter says that a name is registered, or chosen, twice.
	ErrDuplicateExporter = errors.New("exporter given twice")
)

// A Factory builds the reader of one exporter for a pipeline, which shuts it
// down. Besides the MeterProvider that the reader is registered with, it must
// read settings.Producer, or it will miss the metrics that recorders hand to the
// pipeline directly.
//
// A reader that also has the method Handler() http.Handler is served at the
// pipeline's address. Only one of a pipeline's readers may have it.
type Factory func(ctx context.Context, settings Settings) (sdkmetric.Reader, error)

// Settings is what a pipeline tells its exporters.
type Settings struct {
	// Catalogue holds the definitions of the metrics.
	Catalogue *schema.Catalogue
	// Prometheus, OTLP and Console are the options given for those exporters.
	Prometheus []prometheus.Option
	OTLP       []otlp.Option
	Console    []console.Option

	sources *sources
}

// Producer returns a producer of the metrics that recorders hand to the
// pipeline, for one reader with the given temporality. Under the selector,
// counters are observable counters. A nil selector means cumulative.
func (s Settings) Producer(temporality sdkmetric.TemporalitySelector) sdkmetric.Producer {
	if temporality == nil {
		temporality = sdkmetric.CumulativeTemporalitySelector
	}
	return s.sources.newProducer(temporality)
}

// A Registry maps names to exporters. It is safe for concurrent use.
type Registry struct {
	mu        sync.Mutex
	factories map[string]Factory
}

// NewRegistry returns a registry with the exporters prometheus, otlp, console
// and none.
func NewRegistry() *Registry {
	return &Registry{factories: map[string]Factory{
		Prometheus: func(_ context.Context, s Settings) (sdkmetric.Reader, error) {
			own := prometheus.WithProducer(s.Producer(nil))
			return prometheus.New(s.Catalogue, append(slices.Clone(s.Prometheus), own)...)
		},
		OTLP: func(ctx context.Context, s Settings) (sdkmetric.Reader, error) {
			own := otlp.WithProducer(s.Producer)
			return otlp.NewReader(ctx, append(slices.Clone(s.OTLP), own)...)
		},
		Console: func(_ context.Context, s Settings) (sdkmetric.Reader, error) {
			own := console.WithProducer(s.Producer)
			return console.NewReader(append(slices.Clone(s.Console), own)...)
		},
	}}
}

// Register adds an exporter. A name that is registered gives an error that wraps
// [ErrDuplicateExporter].
func (r *Registry) Register(name string, factory Factory) error {
	switch {
	case name == "" || strings.ContainsAny(name, ", \t\n"):
		return fmt.Errorf("otelkv: exporter name %q: expected a word without commas and spaces", name)
	case factory == nil:
		return fmt.Errorf("otelkv: exporter %q has no factory", name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.factories[name]; ok || name == None {
		return fmt.Errorf("otelkv: exporter %q: %w", name, ErrDuplicateExporter)
	}
	r.factories[name] = factory
	return nil
}

// Names returns the names that can be chosen, sorted.
func (r *Registry) Names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(func(yield func(string) bool) {
		if yield(None) {
			maps.Keys(r.factories)(yield)
		}
	})
}

// choose returns the names in a comma-separated list, checked: all of them are
// known, none is there twice, and none is alone. Space and empty entries do not
// matter.
func (r *Registry) choose(list string) ([]string, error) {
	known := r.Names()
	var names []string
	var errs []error
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		switch {
		case name == "":
		case slices.Contains(names, name):
			errs = append(errs, fmt.Errorf("otelkv: exporter %q: %w", name, ErrDuplicateExporter))
		case !slices.Contains(known, name):
			errs = append(errs, fmt.Errorf("otelkv: exporter %q: %w: expected one of %s", name, ErrUnknownExporter, strings.Join(known, ", ")))
		default:
			names = append(names, name)
		}
	}
	if slices.Contains(names, None) {
		if len(names) > 1 {
			errs = append(errs, fmt.Errorf("otelkv: exporter %q stands alone, and the list is %q", None, list))
		}
		names = nil
	}
	return names, errors.Join(errs...)
}

// build returns the reader of the named exporter.
func (r *Registry) build(ctx context.Context, name string, settings Settings) (sdkmetric.Reader, error) {
	r.mu.Lock()
	factory := r.factories[name]
	r.mu.Unlock()
	return factory(ctx, settings)
}
