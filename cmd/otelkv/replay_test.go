// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/grpc"

	"github.com/otelkv/otelkv-go/internal/cleanenv"
	"github.com/otelkv/otelkv-go/internal/conformance"
)

func TestMain(m *testing.M) {
	cleanenv.Unset()
	os.Exit(m.Run())
}

// runReplay runs the program.
func runReplay(t *testing.T, stdin []byte, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), append([]string{"replay"}, args...), bytes.NewReader(stdin), &out, &errs)
	return status, out.String(), errs.String()
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConformance(t *testing.T) {
	for _, c := range conformance.Cases(t) {
		for _, format := range []string{"jsonl", "msgpack"} {
			t.Run(c.Name+"/"+format, func(t *testing.T) {
				stream := map[string][]byte{"jsonl": c.JSONL, "msgpack": c.MessagePack}[format]
				file := write(t, "stream."+format, stream)
				flags := []string{"--spec", c.Spec, "--model", c.Model, "--engines", join(c.Engines)}

				status, out, errs := runReplay(t, nil, append(flags, file)...)
				if status != exitGood || errs != "" {
					t.Fatalf("exit status %d: %s", status, errs)
				}
				got := samples(t, out)
				for name, want := range c.Samples {
					if v, ok := got[name]; !ok || !near(v, want) {
						t.Errorf("%s = %v (present: %v), want %v", name, v, ok, want)
					}
					delete(got, name)
				}
				for name := range got {
					t.Errorf("%s is not expected", name)
				}

				status, out, errs = runReplay(t, stream, append(flags, "-o", "reduce", "--format", format)...)
				if status != exitGood || errs != "" {
					t.Fatalf("reduce: exit status %d: %s", status, errs)
				}
				var reduced map[string]json.Number
				if err := json.Unmarshal([]byte(out), &reduced); err != nil {
					t.Fatal(err)
				}
				for key, want := range c.Reduce {
					if !sameNumber(reduced[key], want) {
						t.Errorf("reduce: %s = %v, want %v", key, reduced[key], want)
					}
				}
				if len(reduced) != len(c.Reduce) {
					t.Errorf("reduce: %d keys, want %d", len(reduced), len(c.Reduce))
				}
			})
		}
	}
}

func join(engines []int) string {
	texts := make([]string, len(engines))
	for i, e := range engines {
		texts[i] = strconv.Itoa(e)
	}
	return strings.Join(texts, ",")
}

var (
	sample = regexp.MustCompile(`(?m)^(vllm:[a-zA-Z0-9_:]+)\{(.*)\} (\S+)$`)
	label  = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

// samples reads a text exposition. The keys are those of the conformance cases: the
// sample's name and its labels as sorted JSON.
func samples(t *testing.T, text string) map[string]float64 {
	t.Helper()
	all := make(map[string]float64)
	for _, m := range sample.FindAllStringSubmatch(text, -1) {
		labels := make(map[string]string)
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			labels[l[1]] = strings.NewReplacer(`\n`, "\n", `\"`, `"`, `\\`, `\`).Replace(l[2])
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		all[m[1]+pythonJSON(t, labels)] = value
	}
	return all
}

// pythonJSON returns labels as Python's json.dumps(labels, sort_keys=True) does.
func pythonJSON(t *testing.T, labels map[string]string) string {
	t.Helper()
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		value, err := json.Marshal(labels[name])
		if err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, fmt.Sprintf("%q: %s", name, value))
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

func near(got, want float64) bool {
	return got == want || math.Abs(got-want) <= 1e-9*max(math.Abs(got), math.Abs(want))
}

// sameNumber compares value and kind: an int does not equal a float.
func sameNumber(got, want json.Number) bool {
	isInt := func(n json.Number) bool { return !strings.ContainsAny(n.String(), ".eE") }
	g, err1 := got.Float64()
	w, err2 := want.Float64()
	return err1 == nil && err2 == nil && isInt(got) == isInt(want) && near(g, w)
}

const (
	goodLine = `{"engine":2,"stats":{"types":{"vllm:kv_offload_load_bytes":"counter"},"data":{"vllm:kv_offload_load_bytes":[{"labels":[],"value":7}]}}}`
	goodText = `vllm:kv_offload_load_bytes_total{engine="2",model_name="model"} 7`
)

func TestBadInputIsNamedAndTheRestGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		want []string
	}{
		"not JSON":        {`nonsense`, []string{"FILE:1: invalid character"}},
		"no object":       {`[1]`, []string{`FILE:1: expected an object with "engine" and "stats", got array`}},
		"no engine":       {`{"stats":{}}`, []string{`FILE:1: no "engine"`}},
		"engine a string": {`{"engine":"a","stats":{}}`, []string{`FILE:1: "engine": expected an index, got string`}},
		"engine very long": {`{"engine":` + strings.Repeat("1", 1000) + `,"stats":{}}`,
			[]string{`FILE:1: "engine": expected an index, got number 111`}},
		"engine negative": {`{"engine":-1,"stats":{}}`, []string{`FILE:1: engine -1: expected an index that is not negative`}},
		"no stats":        {`{"engine":0}`, []string{`FILE:1: no "stats"`}},
		"two bad entries": {
			`{"engine":0,"stats":{"types":{"a":"counter","vllm:kv_offload_load_bytes":"gauge"},"data":{"a":1,"vllm:kv_offload_load_bytes":2}}}`,
			[]string{`FILE:1: otelkv: metric "a": not in the catalogue`, `FILE:1: otelkv: metric "vllm:kv_offload_load_bytes": wrong kind`},
		},
		"negative counter": {
			`{"engine":0,"stats":{"types":{"vllm:kv_offload_load_time":"counter"},"data":{"vllm:kv_offload_load_time":-1.5}}}`,
			[]string{`FILE:1: otelkv: metric "vllm:kv_offload_load_time"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, "stream.jsonl", []byte(c.line+"\n"+goodLine+"\n"))
			status, out, errs := runReplay(t, nil, file)
			lines := strings.Split(strings.TrimSpace(errs), "\n")
			if status != exitBad || len(lines) != len(c.want) {
				t.Fatalf("exit status %d, want %d, and %d lines:\n%s", status, exitBad, len(c.want), errs)
			}
			for i, want := range c.want {
				if want = strings.Replace(want, "FILE", file, 1); !strings.HasPrefix(lines[i], want) {
					t.Errorf("line %d is %q, want %q", i, lines[i], want)
				}
				if len(lines[i]) > len(file)+200 {
					t.Errorf("line %d has %d bytes", i, len(lines[i]))
				}
			}
			if !strings.Contains(out, goodText) {
				t.Errorf("the good record is missing:\n%s", out)
			}
		})
	}
}

func TestFloatsThatJSONHasNot(t *testing.T) {
	const line = `{"engine":0,"stats":{` +
		`"types":{"vllm:kv_offload_cpu_cache_usage_perc":"gauge","vllm:kv_offload_load_size":"histogram","vllm:kv_offload_tiering_read_bytes":"counter"},` +
		`"data":{"vllm:kv_offload_cpu_cache_usage_perc":NaN,"vllm:kv_offload_load_size":[{"labels":[],"value":[1, -Infinity]}],` +
		`"vllm:kv_offload_tiering_read_bytes":[{"labels":["\"NaN"],"value":5},{"labels":["Infinity"],"value":6},{"labels":["a"],"value":Infinity}]}}}`
	status, out, errs := runReplay(t, []byte(line))
	const want = `-:1: otelkv: metric "vllm:kv_offload_cpu_cache_usage_perc": bad number: expected a number for a gauge, got null
-:1: otelkv: metric "vllm:kv_offload_load_size": bad number: expected numbers for samples, got null
-:1: otelkv: metric "vllm:kv_offload_tiering_read_bytes": labels ["a"]: bad number: expected a number for a counter, got null
`
	if status != exitBad || errs != want {
		t.Errorf("exit status %d, want %d, and\n%swant\n%s", status, exitBad, errs, want)
	}
	for _, good := range []string{`tier="\"NaN"} 5`, `tier="Infinity"} 6`} {
		if !strings.Contains(out, good) {
			t.Errorf("%s is missing:\n%s", good, out)
		}
	}
}

func TestBadRecordDeclaresNoEngine(t *testing.T) {
	const (
		goodPayload = "\x82\xa5types\x80\xa4data\x80"
		goodRecord  = "\x82\xa6engine\x02\xa5stats" + goodPayload
	)
	for name, c := range map[string]struct{ format, bad, good string }{
		"not JSON":                    {"jsonl", "nonsense\n", goodLine},
		"engine a string":             {"jsonl", `{"engine":"0","stats":{}}` + "\n", goodLine},
		"stats a list":                {"jsonl", `{"engine":0,"stats":[1]}` + "\n", goodLine},
		"no map":                      {"msgpack", "\x2a", goodRecord},
		"engine missing":              {"msgpack", "\x81\xa5stats" + goodPayload, goodRecord},
		"engine a string after stats": {"msgpack", "\x82\xa5stats" + goodPayload + "\xa6engine\xa10", goodRecord},
		"stats a list in MessagePack": {"msgpack", "\x82\xa6engine\x00\xa5stats\x91\x01", goodRecord},
	} {
		t.Run(name, func(t *testing.T) {
			for _, engines := range [][]string{nil, {"--engines", "2"}} {
				status, out, errs := runReplay(t, []byte(c.bad+c.good), append(engines, "--format", c.format)...)
				if status != exitBad || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "-:1: ") {
					t.Errorf("%q: exit status %d, want %d and one line of record 1: %s", engines, status, exitBad, errs)
				}
				if strings.Contains(out, `engine="0"`) || !strings.Contains(out, `engine="2"`) {
					t.Errorf("%q: want engine 2 alone:\n%s", engines, out)
				}
			}
		})
	}
}

// TestOtherConnectors replays stats of other connectors, with and without ours.
func TestOtherConnectors(t *testing.T) {
	const (
		ours = `{"types":{"vllm:kv_offload_load_bytes":"counter"},"data":{"vllm:kv_offload_load_bytes":7}}`
		nixl = `{"transfer_duration":[0.5],"num_failed_transfers":[]}`
	)
	lines := []string{
		`{"OffloadingConnector":{"data":` + ours + `},"NixlConnector":{"data":` + nixl + `}}`,
		`{"OffloadingConnector":` + ours + `,"NixlConnector":` + nixl + `}`,
		`{"num_running_reqs":1,"kv_connector_stats":{"OffloadingConnector":` + ours + `,"Mooncake\nStore":{"save_put":[{"num_keys":1}]}},"perf_stats":null}`,
		nixl,
		`{"num_running_reqs":1,"kv_connector_stats":null,"lora":{"a":1}}`,
	}
	var stream strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&stream, `{"engine":2,"stats":%s}`+"\n", line)
	}
	const notice = `ignored stats of other connectors: "Mooncake\nStore" 1, "NixlConnector" 2, "unnamed" 1` + "\n"
	status, out, errs := runReplay(t, []byte(stream.String()))
	if status != exitGood || errs != notice || !strings.Contains(out, strings.Replace(goodText, " 7", " 21", 1)) {
		t.Errorf("exit status %d: %s\n%s", status, errs, out)
	}
	status, out, errs = runReplay(t, []byte(stream.String()), "-o", "reduce")
	if status != exitGood || errs != notice || out != `{"OffloadingConnector":{"vllm:kv_offload_load_bytes":21}}`+"\n" {
		t.Errorf("exit status %d: %s\n%s", status, errs, out)
	}
}

// TestEngineCoreOutputs replays messages of vLLM's engine core, one after the other.
func TestEngineCoreOutputs(t *testing.T) {
	const (
		payload = "\x82\xa5types\x81\xbavllm:kv_offload_load_bytes\xa7counter\xa4data\x81\xbavllm:kv_offload_load_bytes\x81\x90\x07"
		good    = "\x94\x02\x91\x91\xa1r\x82\xb2kv_connector_stats" + payload + "\xacstep_counter\x01\xcb?\xf0\x00\x00\x00\x00\x00\x00"
	)
	status, out, errs := runReplay(t, []byte(good+"\x90"+"\x91\x02"+good), "--format", "msgpack", "--engines", "0,2")
	if status != exitGood || errs != "" || !strings.Contains(out, strings.Replace(goodText, " 7", " 14", 1)) {
		t.Errorf("exit status %d: %s\n%s", status, errs, out)
	}
	for name, bad := range map[string]string{
		"no index":          "\x91\xa1x",
		"no SchedulerStats": "\x93\x00\x90\x07",
		"no stats":          "\x93\x00\x90\x81\xb2kv_connector_stats\x07",
		"not served":        "\x91\x07",
	} {
		status, out, errs := runReplay(t, []byte(bad+good), "--format", "msgpack", "--engines", "0,2")
		if status != exitBad || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "-:1: ") || !strings.Contains(out, goodText) {
			t.Errorf("%s: exit status %d: %s\n%s", name, status, errs, out)
		}
	}
}

func TestUnreadableFileEnds(t *testing.T) {
	for _, format := range []string{"jsonl", "msgpack"} {
		dir := t.TempDir()
		status, _, errs := runReplay(t, nil, "--format", format, dir)
		if status != exitBad || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, dir+":1: ") {
			t.Errorf("%s: exit status %d, want %d and one line: %s", format, status, exitBad, errs)
		}
	}
}

func TestGarbageInAStreamIsOneError(t *testing.T) {
	status, _, errs := runReplay(t, []byte("\xc1\xc1"), "--format", "msgpack")
	if status != exitBad || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "-:1: ") {
		t.Errorf("exit status %d, want %d and one line: %s", status, exitBad, errs)
	}
}

func TestNegativeEngineIsNotReduced(t *testing.T) {
	status, out, errs := runReplay(t, []byte(strings.Replace(goodLine, "2", "-2", 1)), "-o", "reduce")
	if status != exitBad || out != "{}\n" || !strings.HasPrefix(errs, "-:1: engine -2: ") {
		t.Errorf("exit status %d: %s\n%s", status, errs, out)
	}
}

func TestEngineThatIsNotServed(t *testing.T) {
	for _, output := range []string{"prometheus", "reduce"} {
		status, _, errs := runReplay(t, []byte(goodLine), "--engines", "0,1", "-o", output)
		if status != exitBad || !strings.Contains(errs, "-:1: engine 2: unknown engine") {
			t.Errorf("-o %s: exit status %d: %s", output, status, errs)
		}
	}
}

func TestTruncatedMessagePackKeepsWhatCameBefore(t *testing.T) {
	c := conformance.Cases(t)[0]
	records := c.MessagePack
	status, whole, _ := runReplay(t, records, "--spec", c.Spec, "--format", "msgpack", "-o", "reduce")
	if status != exitGood {
		t.Fatal("the whole stream is not good")
	}
	// One more record, cut in its middle.
	cut := append(slices.Clone(records), records[:10]...)
	status, out, errs := runReplay(t, cut, "--spec", c.Spec, "--format", "msgpack", "-o", "reduce")
	lines := strings.Count(string(c.JSONL), "\n")
	if want := fmt.Sprintf("-:%d: the stream is truncated", lines+1); status != exitBad || !strings.HasPrefix(errs, want) {
		t.Errorf("exit status %d: %q, want %q", status, errs, want)
	}
	if out != whole {
		t.Errorf("what came before is lost:\n%s", out)
	}
}

func TestUsageErrors(t *testing.T) {
	for _, args := range [][]string{
		{"-nope"}, {"-o", "nope"}, {"--format", "xml"}, {"--spec", "gpu"}, {"--engines", "0,x"}, {"--engines", "1,1"}, {"--engines", "-1"},
		{"--model", "\xff"}, {"--model", strings.Repeat("m", 1025)},
	} {
		if status, _, errs := runReplay(t, nil, args...); status != exitUsage || !strings.Contains(errs, `Run "otelkv replay --help"`) {
			t.Errorf("%v: exit status %d: %s", args, status, errs)
		}
	}
	if status, out, errs := runReplay(t, nil, "-h"); status != exitGood || !strings.Contains(out, "otelkv replay [FILE...] [flags]") {
		t.Errorf("-h: exit status %d: %s %s", status, out, errs)
	}
	if status, _, errs := runReplay(t, nil, "no-such-file"); status != exitBad || !strings.HasPrefix(errs, "no-such-file: ") {
		t.Errorf("missing file: exit status %d: %s", status, errs)
	}
}

func TestConsole(t *testing.T) {
	status, out, errs := runReplay(t, []byte(goodLine), "-o", "console")
	if status != exitGood || errs != "" || !strings.Contains(out, `"vllm.kv_offload.load_bytes"`) {
		t.Errorf("exit status %d: %s\n%s", status, errs, out)
	}
}

// A sink is an OTLP collector that keeps the kind of each metric that it receives.
type sink struct {
	collector.UnimplementedMetricsServiceServer
	mu    sync.Mutex
	kinds map[string]string
}

func (s *sink) Export(_ context.Context, request *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range request.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				s.kinds[m.GetName()] = strings.TrimPrefix(fmt.Sprintf("%T", m.GetData()), "*v1.Metric_")
			}
		}
	}
	return &collector.ExportMetricsServiceResponse{}, nil
}

func TestOTLP(t *testing.T) {
	const line = `{"engine":2,"stats":{"types":{"vllm:kv_offload_load_bytes":"counter","vllm:kv_offload_load_size":"histogram"},"data":{"vllm:kv_offload_load_bytes":7,"vllm:kv_offload_load_size":[7]}}}`
	received := startSink(t)
	status, _, errs := runReplay(t, []byte(line), "-o", "otlp")
	if status != exitGood || errs != "" {
		t.Fatalf("exit status %d: %s", status, errs)
	}
	received.mu.Lock()
	defer received.mu.Unlock()
	for name, want := range map[string]string{
		"vllm.kv_offload.load_bytes": "Sum",
		"vllm.kv_offload.load_size":  "Histogram",
	} {
		if got := received.kinds[name]; got != want {
			t.Errorf("%s arrived as %q, want %q; all: %v", name, got, want, received.kinds)
		}
	}
}

// startSink starts a sink and sets the environment to export to it.
func startSink(t *testing.T) *sink {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, received := grpc.NewServer(), &sink{kinds: make(map[string]string)}
	collector.RegisterMetricsServiceServer(server, received)
	go server.Serve(listener) //nolint:errcheck // Stop ends it.
	t.Cleanup(server.Stop)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String())
	return received
}
