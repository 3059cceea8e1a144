// SPDX-License-Identifier: Apache-2.0

package processes

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/internal/e2e/loopback"
	"github.com/otelkv/otelkv-go/internal/e2e/receiver"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
	"github.com/otelkv/otelkv-go/otelkv/ingest"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A front stands between workers and a sidecar. It loses, repeats and delays batches, as
// networks and proxies do. It also delivers each batch once and in order to a reference
// receiver.
type front struct {
	to        string
	client    *http.Client
	recorder  *otelkvtest.Recorder
	reference *ingest.Receiver
	address   string
	late      sync.WaitGroup

	mu       sync.Mutex
	requests int
	bodies   []string        // in the order of arrival
	acked    map[string]bool // by the body
	repeats  int             // deliveries of acknowledged batches
	failures int             // deliveries without an answer
}

func newFront(t *testing.T, to string) *front {
	t.Helper()
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	reference, err := ingest.New(recorder.Recorder)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{
		to: to, recorder: recorder, reference: reference, acked: make(map[string]bool),
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = listener.Addr().String()
	server := &http.Server{Handler: f, ReadHeaderTimeout: ending}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
		f.late.Wait()
	})
	return f
}

// ServeHTTP loses, repeats and delays batches and answers.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return // the worker is gone, and the batch is incomplete
	}
	body := string(content)
	n := f.see(body)
	if n%11 == 0 {
		f.late.Go(func() {
			time.Sleep(200 * time.Millisecond)
			f.pass(body)
		})
	}
	switch {
	case n%7 == 0:
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	case n%5 == 0:
		f.pass(body)
		panic(http.ErrAbortHandler)
	case n%3 == 0:
		f.late.Go(func() { f.pass(body) })
	}
	status, answer := f.pass(body)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
}

// see counts a request, and delivers new batches to the reference.
func (f *front) see(body string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	if _, seen := f.acked[body]; !seen {
		f.acked[body] = false
		f.bodies = append(f.bodies, body)
		w := httptest.NewRecorder()
		f.reference.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/batches", bytes.NewReader([]byte(body))))
		if w.Code != http.StatusOK {
			panic(fmt.Sprintf("the reference refuses a batch: %d %s", w.Code, w.Body))
		}
	}
	return f.requests
}

// pass delivers a batch, and returns the answer.
func (f *front) pass(body string) (status int, answer string) {
	response, err := f.client.Post("http://"+f.to+"/v1/batches", "application/vnd.msgpack", bytes.NewReader([]byte(body)))
	var text []byte
	if err == nil {
		text, err = io.ReadAll(response.Body)
		_ = response.Body.Close()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.failures++
		return http.StatusBadGateway, err.Error()
	}
	if f.acked[body] {
		f.repeats++
	}
	f.acked[body] = f.acked[body] || response.StatusCode == http.StatusOK
	return response.StatusCode, string(text)
}

// settle delivers the batches that workers could not deliver before they were killed.
func (f *front) settle(t *testing.T) {
	t.Helper()
	f.late.Wait()
	for _, body := range f.bodies {
		for deadline := time.Now().Add(ending); !f.acked[body]; {
			if status, answer := f.pass(body); status == http.StatusConflict || time.Now().After(deadline) {
				t.Fatalf("a batch that never counted is answered with %d %s", status, answer)
			}
		}
	}
}

// A network connects a front and a sidecar.
type network struct {
	listen  []string // where the sidecar takes batches and is scraped
	to      string   // where the front reaches it
	command []string // what runs a program on the sidecar's side
	// partition stops all traffic until heal is called.
	partition func() (heal func())
}

// TestFleetCountsOnce: each batch counts exactly once, although workers and the sidecar
// are killed, stopped and restarted, batches are lost, repeated and late, and the network
// is partitioned.
func TestFleetCountsOnce(t *testing.T) {
	addresses := loopback.FreeAddresses(t, 2)
	proxy := receiver.NewProxy(t, addresses[0])
	countOnce(t, servers.BuildProgram(t, "cmd/otelkv"), servers.BuildProgram(t, "examples/fleet"),
		network{listen: addresses, to: proxy.Address(), partition: proxy.Partition})
}

func countOnce(t *testing.T, program, fleet string, between network) {
	t.Helper()
	state := t.TempDir() + "/state"
	start := func() *sidecar {
		return startSidecar(t, between.listen, state, append(append([]string{}, between.command...), program)...)
	}
	f := newFront(t, between.to)
	work := func(engine int) *servers.Process {
		return servers.Run(t, fleet, nil, "work", "-to=http://"+f.address, "-interval=5ms", "-engine="+strconv.Itoa(engine))
	}
	// Two workers of one engine, with the same name.
	workers := []*servers.Process{work(0), work(1), work(1)}
	s := start()
	const pause = 300 * time.Millisecond
	for range 3 {
		time.Sleep(pause)
		heal := between.partition()
		time.Sleep(5 * pause)
		heal()
		time.Sleep(pause)
		s.process.Kill()
		time.Sleep(pause)
		s = start()
		time.Sleep(pause)
		if err := workers[0].Stop(); err != nil {
			t.Error(err)
		}
		workers[0] = work(0)
		time.Sleep(pause)
		workers[1].Kill()
		workers[1] = work(1)
		time.Sleep(pause)
		if status := end(t, s.process); status != 0 {
			t.Errorf("the sidecar's exit status is %d", status)
		}
		s = start()
	}
	time.Sleep(pause)
	for _, worker := range workers {
		if err := worker.Stop(); err != nil {
			t.Error(err)
		}
	}
	f.settle(t)
	t.Logf("%d batches in %d requests; %d deliveries of one that had been acknowledged, %d without an answer",
		len(f.bodies), f.requests, f.repeats, f.failures)
	if len(f.bodies) < 100 || f.repeats == 0 || f.failures == 0 {
		t.Error("too little has happened")
	}
	for range 2 {
		want := f.recorder.Collect()
		for engine := range 2 {
			label := otelkvtest.Labels{"engine": strconv.Itoa(engine)}
			text := fmt.Sprintf(`engine="%d"`, engine)
			bytes, samples := want.Value(vllm.LoadBytes, label), float64(want.Point(vllm.LoadSize, label).Count)
			if got := scraped(t, s.scrapes, loadBytes, text); got != bytes || bytes == 0 {
				t.Errorf("engine %d has %v bytes, want %v", engine, got, bytes)
			}
			if got := scraped(t, s.scrapes, "vllm:kv_offload_load_size_count", text); got != samples {
				t.Errorf("engine %d has %v samples, want %v", engine, got, samples)
			}
		}
		// The same after another restart.
		s.process.Kill()
		s = start()
	}
}

// TestClaimedName: a sender that uses another's name does not change its counts, counts
// nothing twice, and gets an error that says why.
func TestClaimedName(t *testing.T) {
	program, state := servers.BuildProgram(t, "cmd/otelkv"), t.TempDir()+"/state"
	addresses := loopback.FreeAddresses(t, 2)
	s := startSidecar(t, addresses, state, program)
	total := 0.0
	for _, step := range []struct {
		what     string
		run      string
		sequence uint64
		bytes    int64
		status   int
		says     string
	}{
		{"the sender", "1", 1, 5, 200, "1 records"},
		{"another, as a run of its own", "2", 1, 3, 200, "1 records"},
		{"another, as the same run", "1", 1, 100, 409, "another batch 1 was taken"},
		{"the sender again", "1", 1, 5, 200, "taken before"},
		{"the sender goes on", "1", 2, 7, 200, "1 records"},
		{"another that is behind", "1", 1, 100, 409, "batch 1 comes after batch 2"},
		{"another that is ahead", "1", 9, 1, 200, "1 records"},
		{"the sender is told", "1", 3, 100, 409, "a sender that restarts needs another run"},
		{"and starts again", "3", 1, 11, 200, "1 records"},
	} {
		deliver(t, s.batches, encode("a", step.run, step.sequence, step.bytes), step.status, step.says)
		if step.says == "1 records" {
			total += float64(step.bytes)
		}
		if got := scraped(t, s.scrapes, loadBytes); got != total {
			t.Errorf("%s: %v bytes, want %v", step.what, got, total)
		}
		s.process.Kill()
		s = startSidecar(t, addresses, state, program)
	}
}
