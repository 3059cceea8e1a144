// SPDX-License-Identifier: Apache-2.0

package prometheus_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
)

const (
	// stressed is set in the process that TestFloodOfConnections starts.
	stressed = "OTELKV_TEST_STRESSED"
	// descriptors is how many the process may have open.
	descriptors = 256
	// attempts is the number of connections.
	attempts = 10_000
	// slowReaders is the number of connections that request metrics and never read.
	slowReaders = 300
)

// TestFloodOfConnections tests that a server with 256 file descriptors survives ten
// thousand connections at once, some of which never read their answer and none of which
// closes, and that its process goes on recording and loses nothing.
func TestFloodOfConnections(t *testing.T) {
	if os.Getenv(stressed) != "" {
		serveUnderStress(t)
		return
	}
	most := raiseLimit(t, attempts+200) - 200
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestFloodOfConnections$", "-test.v")
	child.Env = append(os.Environ(), stressed+"=1")
	child.Stderr = os.Stderr
	input, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(output)
	defer func() {
		_ = input.Close()
		if err := child.Wait(); err != nil {
			t.Errorf("the process: %v", err)
		}
	}()
	var address string
	if !expectLine(said, "address %s", &address) {
		t.Fatal("the process does not say where it listens")
	}

	open := flood(address, min(attempts, most))
	defer func() {
		for _, conn := range open {
			_ = conn.Close()
		}
	}()
	began := time.Now()
	awaitScrape(t, address)
	recovered := time.Since(began)

	_, _ = io.WriteString(input, "stop\n")
	var recorded, reported int64
	var longest time.Duration
	if !expectLine(said, "recorded %d longest %d reported %d", &recorded, &longest, &reported) {
		t.Fatal("the process does not say what it recorded")
	}
	text := awaitScrape(t, address)
	if want := fmt.Sprintf("test:total_bytes_total{engine=\"0\",model_name=\"m\"} %v\n", float64(recorded)); !strings.Contains(text, want) {
		t.Errorf("the scrape lacks %q", want)
	}
	t.Logf("%d connections of %d tried came about; a scrape %v later; %d increments, at most %v without one; %d reports",
		len(open), min(attempts, most), recovered.Round(time.Millisecond), recorded, longest.Round(time.Millisecond), reported)
	if len(open) < 2*descriptors {
		t.Errorf("%d connections came about, which is no flood", len(open))
	}
	if reported > 32 {
		t.Errorf("%d reports, which fill a log", reported)
	}
	if longest > 5*time.Second {
		t.Errorf("nothing was recorded for %v", longest)
	}
}

// raiseLimit raises the limit of open files up to a number.
func raiseLimit(t *testing.T, want int) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	before := limit
	limit.Cur = min(limit.Max, uint64(want))
	if limit.Cur < before.Cur {
		return want
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) })
	return int(limit.Cur)
}

// flood opens connections, which stay open. The kernel accepts them until the queue of
// the listener is full.
func flood(address string, count int) []net.Conn {
	var mu sync.Mutex
	var open []net.Conn
	var tried atomic.Int64
	var dialers sync.WaitGroup
	for range 100 {
		dialers.Go(func() {
			dialer := net.Dialer{Timeout: 100 * time.Millisecond}
			for {
				n := int(tried.Add(1))
				if n > count {
					return
				}
				conn, err := dialer.Dial("tcp", address)
				if err != nil {
					continue
				}
				if n <= slowReaders {
					_ = conn.(*net.TCPConn).SetReadBuffer(4096)
					_, _ = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
				}
				mu.Lock()
				open = append(open, conn)
				mu.Unlock()
			}
		})
	}
	dialers.Wait()
	return open
}

// awaitScrape scrapes until it is answered.
func awaitScrape(t *testing.T, address string) string {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		text, err := scrapeOnce(t, address)
		if err == nil {
			return text
		}
		if time.Now().After(deadline) {
			t.Fatalf("no scrape two minutes after the flood: %v", err)
		}
	}
}

func scrapeOnce(t *testing.T, address string) (string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "identity") // gzip is slow under the race detector
	response, err := client(t, nil).Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return string(text), err
}

// expectLine reads lines up to one of the format.
func expectLine(lines *bufio.Scanner, format string, values ...any) bool {
	for lines.Scan() {
		if n, _ := fmt.Sscanf(lines.Text(), format, values...); n == len(values) {
			return true
		}
	}
	return false
}

// serveUnderStress is the process under stress. It records until the first line of its
// input, and serves until the end of it.
func serveUnderStress(t *testing.T) {
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: descriptors, Max: descriptors}); err != nil {
		t.Fatal(err)
	}
	var reported atomic.Int64
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) { reported.Add(1) }))
	recorder := newRecorder(t, everyKind, otelkv.WithSeriesLimits(-1, 0))
	engine := addEngine(t, recorder, 0)
	// A scrape of 4 MB, which is more than the buffers of a connection.
	for i := range 4000 {
		must[otelkv.Int64Counter](t)(engine.Int64Counter(loadBytes, fmt.Sprintf("%01000d", i))).Add(1)
	}
	counter := must[otelkv.Int64Counter](t)(engine.Int64Counter(totalBytes))
	server := start(t, newHandler(t, newCollector(t, recorder)),
		prometheus.WithHTTPServer(func(s *http.Server, _ *http.ServeMux) {
			s.ReadHeaderTimeout = 250 * time.Millisecond
			s.WriteTimeout = 3 * time.Second
			s.IdleTimeout = time.Second
		}))
	fmt.Printf("address %s\n", server.Addr())

	input := bufio.NewScanner(os.Stdin)
	told := make(chan struct{})
	go func() {
		defer close(told)
		input.Scan()
	}()
	recorded, longest, last := int64(0), time.Duration(0), time.Now()
	for {
		select {
		case <-told:
			fmt.Printf("recorded %d longest %d reported %d\n", recorded, longest, reported.Load())
			for input.Scan() {
				// Until it ends.
			}
			return
		default:
		}
		for range 100 {
			counter.Add(1)
		}
		recorded += 100
		time.Sleep(50 * time.Microsecond) // leave time for the server
		now := time.Now()
		longest, last = max(longest, now.Sub(last)), now
	}
}
