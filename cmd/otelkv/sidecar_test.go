// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A journal is the output of a program, which can be read while it runs.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// running is a sidecar, and its addresses.
type running struct {
	log     *journal
	stop    context.CancelFunc
	status  chan int
	socket  string
	batches string
	health  string
	metrics string
}

// startSidecar runs the program until the test ends. Its socket is in the folder.
func startSidecar(t *testing.T, folder string, arguments ...string) *running {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_PROMETHEUS_PORT", "0")
	ctx, stop := context.WithCancel(t.Context())
	s := &running{log: &journal{}, stop: stop, status: make(chan int, 1), socket: filepath.Join(folder, "s")}
	arguments = append([]string{"sidecar", "--listen", "unix://" + s.socket, "--listen", "http://127.0.0.1:0", "--health", "127.0.0.1:0"}, arguments...)
	go func() { s.status <- run(ctx, arguments, nil, io.Discard, s.log) }()
	t.Cleanup(func() { s.end(t) })
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(s.log.String(), "msg=ready"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it is not ready: %s", s.log)
		}
	}
	for where, pattern := range map[*string]string{
		&s.metrics: `\((http://[^)]+)\)`,
		&s.health:  `answering health" address=(\S+)`,
		&s.batches: `taking batches" address=(http://\S+)`,
	} {
		found := regexp.MustCompile(pattern).FindStringSubmatch(s.log.String())
		if found == nil {
			t.Fatalf("it does not say %s: %s", pattern, s.log)
		}
		*where = found[1]
	}
	return s
}

// end stops the sidecar and returns its exit status. It may be called again.
func (s *running) end(t *testing.T) int {
	t.Helper()
	s.stop()
	select {
	case status := <-s.status:
		s.status <- status
		return status
	case <-time.After(30 * time.Second):
		t.Fatalf("it does not end: %s", s.log)
		return 0
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// batch encodes a load of n bytes by engine 0 of model m.
func batch(t *testing.T, sender string, sequence uint64, n int64) []byte {
	t.Helper()
	p := new(stats.Payload)
	if err := p.AddCounter(vllm.LoadBytes.PrometheusName, stats.Int64(n)); err != nil {
		t.Fatal(err)
	}
	out := msgp.AppendMapHeader(nil, 3)
	out = msgp.AppendString(msgp.AppendString(out, "sender"), sender)
	out = msgp.AppendUint64(msgp.AppendString(out, "sequence"), sequence)
	out = msgp.AppendArrayHeader(msgp.AppendString(out, "records"), 1)
	out = msgp.AppendString(msgp.AppendInt(msgp.AppendArrayHeader(out, 4), 0), "m")
	return p.AppendMessagePack(msgp.AppendInt(out, 0))
}

// post delivers over HTTP, and returns the status.
func (s *running) post(t *testing.T, body []byte, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.batches, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// send delivers over a new connection to the socket, and returns the answer.
func (s *running) send(t *testing.T, body []byte) string {
	t.Helper()
	conn := s.dial(t)
	defer func() { _ = conn.Close() }()
	return exchange(t, conn, body)
}

func (s *running) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", s.socket)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// exchange delivers over a connection, and returns the answer.
func exchange(t *testing.T, conn net.Conn, body []byte) string {
	t.Helper()
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)); err != nil {
		t.Fatal(err)
	}
	var length [4]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, binary.BigEndian.Uint32(length[:]))
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

const loadBytes = `vllm:kv_offload_load_bytes_total{engine="0",model_name="m"} `

func (s *running) expect(t *testing.T, lines ...string) {
	t.Helper()
	_, body := get(t, s.metrics)
	for _, line := range lines {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("the scrape has no line %q", line)
		}
	}
}

// TestSidecar delivers over HTTP and the socket, and ends the sidecar as a service
// manager does.
func TestSidecar(t *testing.T) {
	s := startSidecar(t, t.TempDir())
	if status := s.post(t, batch(t, "a", 1, 5), ""); status != http.StatusOK {
		t.Errorf("over HTTP: %d", status)
	}
	if answer := s.send(t, batch(t, "b", 1, 7)); !strings.Contains(answer, "batch 1: 1 records") {
		t.Errorf("over the socket: %q", answer)
	}
	if status := s.post(t, []byte("no batch"), ""); status != http.StatusBadRequest {
		t.Errorf("a malformed batch: %d", status)
	}
	s.expect(t, loadBytes+"12", `otelkv_ingest_batches_total{outcome="taken"} 2`,
		`otelkv_ingest_refused_batches_total{reason="malformed"} 1`, "otelkv_ingest_engines 1",
		// It exists by priming.
		`vllm:kv_offload_store_bytes_total{engine="0",model_name="m"} 0`)
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		if status, body := get(t, s.health+path); status != http.StatusOK || body != want {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
	if status := s.end(t); status != exitGood {
		t.Errorf("exit status %d: %s", status, s.log)
	}
	if _, err := os.Lstat(s.socket); !os.IsNotExist(err) {
		t.Errorf("the socket still exists: %v", err)
	}
}

// TestSocketFileIsRemoved: the sidecar listens again, and keeps the connections that
// exist.
func TestSocketFileIsRemoved(t *testing.T) {
	s := startSidecar(t, t.TempDir())
	first := s.dial(t)
	defer func() { _ = first.Close() }()
	exchange(t, first, batch(t, "a", 1, 1))
	if err := os.Remove(s.socket); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("unix", s.socket); err == nil {
			_ = conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the socket does not come back: %s", s.log)
		}
	}
	exchange(t, first, batch(t, "a", 2, 1))
	s.send(t, batch(t, "b", 1, 1))
	s.expect(t, loadBytes+"3")
	if err := os.Remove(s.socket); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if status := s.end(t); status != exitGood {
		t.Errorf("exit status %d: %s", status, s.log)
	}
	if _, err := os.Lstat(s.socket); err != nil {
		t.Errorf("the sidecar removed a file that is not its own: %v", err)
	}
}

// TestRestart starts a sidecar again with the state of the last one.
func TestRestart(t *testing.T) {
	folder := t.TempDir()
	state := filepath.Join(folder, "state")
	first := startSidecar(t, folder, "--state", state)
	first.send(t, batch(t, "a", 1, 5))
	first.end(t)
	second := startSidecar(t, folder, "--state", state)
	second.expect(t, loadBytes+"5")
	if answer := second.send(t, batch(t, "a", 1, 5)); !strings.Contains(answer, "taken before") {
		t.Errorf("the same batch: %q", answer)
	}
	second.send(t, batch(t, "a", 2, 1))
	second.expect(t, loadBytes+"6")
}

// TestSidecarOptions checks the flags that concern senders.
func TestSidecarOptions(t *testing.T) {
	folder := t.TempDir()
	token := write(t, "token", []byte("secret\n"))
	s := startSidecar(t, folder, "--token-file", token, "--sender-label", "host", "--tier", "fs")
	if status := s.post(t, batch(t, "a", 1, 5), ""); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	for i, sender := range []string{"a", "b"} {
		if status := s.post(t, batch(t, sender, 1, int64(i+1)), "secret"); status != http.StatusOK {
			t.Errorf("with the token: %d", status)
		}
	}
	s.expect(t, `vllm:kv_offload_load_bytes_total{engine="0",host="a",model_name="m"} 1`,
		`vllm:kv_offload_load_bytes_total{engine="0",host="b",model_name="m"} 2`,
		`vllm:kv_offload_tiering_read_bytes_total{engine="0",host="a",model_name="m",tier="1:fs"} 0`)
}

// TestSidecarRefusesToStart checks the exit statuses.
func TestSidecarRefusesToStart(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("OTEL_EXPORTER_PROMETHEUS_PORT", "0")
	inUse := filepath.Join(folder, "in-use")
	listener, err := net.Listen("unix", inUse)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	for arguments, want := range map[string]struct {
		status int
		says   string
	}{
		"--listen tcp://127.0.0.1:1":                  {exitUsage, "--listen is"},
		"--listen unix://relative":                    {exitUsage, "--listen is"},
		"--socket-mode rw":                            {exitUsage, "--socket-mode is"},
		"--allow-user no-such-user":                   {exitUsage, "--allow-user"},
		"--token-file /no/such/file":                  {exitUsage, "--token-file"},
		"--engine-timeout -1s":                        {exitBad, "engine timeout"},
		"--spec gpu":                                  {exitUsage, `for "--spec" flag: expected one of`},
		"more":                                        {exitUsage, "unexpected argument"},
		"--no-such-flag":                              {exitUsage, "unknown flag"},
		"--definitions /no/such/file":                 {exitBad, "/no/such/file"},
		"--health= --listen unix://" + inUse:          {exitBad, "another process listens there"},
		"--health= --listen unix:///no/such/folder/s": {exitBad, "/no/such/folder/s"},
		"--health= --listen unix://" + folder + "/s --state /no/such/f": {exitBad, "state file"},
	} {
		log := &journal{}
		if status := run(t.Context(), append([]string{"sidecar"}, strings.Fields(arguments)...), nil, io.Discard, log); status != want.status ||
			!strings.Contains(log.String(), want.says) {
			t.Errorf("%s: exit status %d, want %d and %q: %s", arguments, status, want.status, want.says, log)
		}
	}
	t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
	log := &journal{}
	if status := run(t.Context(), []string{"sidecar", "--state", filepath.Join(folder, "state")}, nil, io.Discard, log); status != exitUsage {
		t.Errorf("a state file with an exporter of deltas: exit status %d: %s", status, log)
	}
}
