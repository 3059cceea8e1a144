// SPDX-License-Identifier: Apache-2.0

package prometheus_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/internal/testcert"
)

const secret = "s3cr3t-t0k3n"

// start serves the handler on loopback until the test ends.
func start(t *testing.T, handler http.Handler, opts ...prometheus.ServerOption) *prometheus.Server {
	t.Helper()
	server, err := prometheus.StartServer("127.0.0.1:0", handler, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Shutdown(context.Background()) })
	return server
}

// client returns a client. Its connections close when the test ends.
func client(t *testing.T, config *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

var hello = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello\n") })

func TestServerRoutes(t *testing.T) {
	server := start(t, hello)
	tests := []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/metrics", http.StatusOK},
		{http.MethodHead, "/metrics", http.StatusOK},
		{http.MethodPost, "/metrics", http.StatusMethodNotAllowed},
		{http.MethodGet, "/", http.StatusNotFound},
		{http.MethodGet, "/debug/pprof/", http.StatusNotFound},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), test.method, "http://"+server.Addr().String()+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := client(t, nil).Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != test.want {
				t.Errorf("status %d, want %d", response.StatusCode, test.want)
			}
		})
	}
}

func TestServerAnswersForLoopbackOnly(t *testing.T) {
	server := start(t, hello)
	_, port, err := net.SplitHostPort(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"localhost": 200, "localhost:" + port: 200, "LOCALHOST.": 200, "cache.localhost:80": 200, "127.0.0.1": 200, "127.8.8.8:1": 200, "[::1]:" + port: 200, "[::1]": 200,
		"attacker.example": 421, "attacker.example:" + port: 421, "localhost.attacker.example": 421, "10.0.0.1": 421, "127.0.0.1.attacker.example": 421, "notlocalhost": 421,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		response, err := client(t, nil).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("host %q: status %d, want %d", host, response.StatusCode, want)
		}
	}
}

func TestServerServesOtherHandlers(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page\n") })
	server := start(t, hello, prometheus.WithHTTPServer(func(_ *http.Server, mux *http.ServeMux) {
		mux.Handle("GET /{$}", page)
	}), prometheus.WithBearerToken(secret))
	for _, test := range []struct {
		path, token string
		status      int
		body        string
	}{
		{"/", secret, http.StatusOK, "page\n"},
		{"/metrics", secret, http.StatusOK, "hello\n"},
		{"/other", secret, http.StatusNotFound, "404 page not found\n"},
		{"/", "wrong", http.StatusUnauthorized, "otelkv: a bearer token is needed\n"},
	} {
		t.Run(test.path+" "+test.token, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+server.Addr().String()+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+test.token)
			response, err := client(t, nil).Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != test.status || string(body) != test.body {
				t.Errorf("status %d, body %q, error %v; want %d, %q", response.StatusCode, body, err, test.status, test.body)
			}
		})
	}
}

func TestServerCompresses(t *testing.T) {
	recorder := newRecorder(t, everyKind)
	measure(t, addEngine(t, recorder, 0))
	server := start(t, newHandler(t, newCollector(t, recorder)))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	// Set by hand, so that the client does not decompress.
	request.Header.Set("Accept-Encoding", "gzip")
	response, err := client(t, nil).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	unzipped, err := gzip.NewReader(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "every_kind", string(text))
}

func TestServerBearerToken(t *testing.T) {
	errs := handleErrors(t)
	server := start(t, hello, prometheus.WithBearerToken(secret))
	tests := []struct {
		name, authorization string
		want                int
	}{
		{"token", "Bearer " + secret, http.StatusOK},
		{"scheme in lower case", "bearer " + secret, http.StatusOK},
		{"nothing", "", http.StatusUnauthorized},
		{"other token", "Bearer " + secret + "x", http.StatusUnauthorized},
		{"prefix of the token", "Bearer " + secret[:4], http.StatusUnauthorized},
		{"empty token", "Bearer ", http.StatusUnauthorized},
		{"other scheme", "Basic " + secret, http.StatusUnauthorized},
		{"token alone", secret, http.StatusUnauthorized},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL(), nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", test.authorization)
			response, err := client(t, nil).Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != test.want {
				t.Errorf("status %d, want %d", response.StatusCode, test.want)
			}
			if strings.Contains(string(text), secret) {
				t.Errorf("the answer shows the token: %s", text)
			}
		})
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, server); strings.Contains(text, secret) {
			t.Errorf("%s shows the token: %s", verb, text)
		}
	}
	if err := errs.joined(); err != nil {
		t.Errorf("reported: %v", err)
	}
}

func TestServerTLS(t *testing.T) {
	ours, other := testcert.NewAuthority(t), testcert.NewAuthority(t)
	valid := time.Now().Add(time.Hour)
	serverCertificate := prometheus.WithTLSConfig(&tls.Config{Certificates: []tls.Certificate{ours.Issue(t, valid)}, MinVersion: tls.VersionTLS10})
	mutual := &tls.Config{Certificates: []tls.Certificate{ours.Issue(t, valid)}, ClientCAs: ours.Pool()}
	clientCAs := prometheus.WithTLSConfig(mutual)
	optional := mutual.Clone()
	optional.ClientAuth = tls.VerifyClientCertIfGiven
	certificates := func(c ...tls.Certificate) *tls.Config { return &tls.Config{RootCAs: ours.Pool(), Certificates: c} }
	tests := []struct {
		name   string
		opts   []prometheus.ServerOption
		client *tls.Config
		want   bool
	}{
		{"trusted", []prometheus.ServerOption{serverCertificate}, certificates(), true},
		{"server of an unknown authority", []prometheus.ServerOption{serverCertificate}, &tls.Config{RootCAs: other.Pool()}, false},
		{"TLS 1.1", []prometheus.ServerOption{serverCertificate}, &tls.Config{RootCAs: ours.Pool(), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		{"client certificate", []prometheus.ServerOption{clientCAs}, certificates(ours.Issue(t, valid)), true},
		{"client certificate, configuration of the HTTP server", []prometheus.ServerOption{prometheus.WithHTTPServer(func(s *http.Server, _ *http.ServeMux) { s.TLSConfig = mutual })}, certificates(ours.Issue(t, valid)), true},
		{"no client certificate, configuration of the HTTP server", []prometheus.ServerOption{prometheus.WithHTTPServer(func(s *http.Server, _ *http.ServeMux) { s.TLSConfig = mutual })}, certificates(), false},
		{"no client certificate where one is optional", []prometheus.ServerOption{prometheus.WithTLSConfig(optional)}, certificates(), true},
		{"expired client certificate where one is optional", []prometheus.ServerOption{prometheus.WithTLSConfig(optional)}, certificates(ours.Issue(t, time.Now().Add(-time.Minute))), false},
		{"no client certificate", []prometheus.ServerOption{clientCAs}, certificates(), false},
		{"client of an unknown authority", []prometheus.ServerOption{clientCAs}, certificates(other.Issue(t, valid)), false},
		{"expired client certificate", []prometheus.ServerOption{clientCAs}, certificates(ours.Issue(t, time.Now().Add(-time.Minute))), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			handleErrors(t)
			server := start(t, hello, test.opts...)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL(), nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := client(t, test.client).Do(request)
			if err == nil {
				defer response.Body.Close()
			}
			if got := err == nil; got != test.want {
				t.Errorf("served: %t (%v), want %t", got, err, test.want)
			}
		})
	}
	t.Run("plain text", func(t *testing.T) {
		errs := handleErrors(t)
		server := start(t, hello, serverCertificate)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+server.Addr().String()+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client(t, nil).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d, want 400", response.StatusCode)
		}
		// The server reports the error after it answers.
		deadline := time.Now().Add(10 * time.Second)
		for errs.joined() == nil && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		if err := errs.joined(); err == nil || !strings.Contains(err.Error(), `scrape server: "http: TLS handshake error`) {
			t.Errorf("reported %v, want the handshake", err)
		}
	})
}

func TestStartServerRefuses(t *testing.T) {
	taken := start(t, hello)
	tests := []struct {
		name, address string
		opts          []prometheus.ServerOption
		want          string
	}{
		{"address in use", taken.Addr().String(), nil, "address already in use"},
		{"no port", "127.0.0.1", nil, "missing port"},
		{"empty token", "127.0.0.1:0", []prometheus.ServerOption{prometheus.WithBearerToken("")}, "token is empty"},
		{"token with the end of its line", "127.0.0.1:0", []prometheus.ServerOption{prometheus.WithBearerToken(secret + "\n")}, "token has white space"},
		{"no certificate", "127.0.0.1:0", []prometheus.ServerOption{prometheus.WithTLSConfig(&tls.Config{})}, "no certificate"},
		{"no TLS configuration", "127.0.0.1:0", []prometheus.ServerOption{prometheus.WithTLSConfig(nil)}, "no certificate"},
		{"TLS configuration for each client", "127.0.0.1:0", []prometheus.ServerOption{prometheus.WithTLSConfig(&tls.Config{
			Certificates:       []tls.Certificate{{}},
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil },
		})}, "expected GetCertificate"},
		{"no client authorities", "127.0.0.1:0", []prometheus.ServerOption{prometheus.WithTLSConfig(&tls.Config{
			Certificates: []tls.Certificate{{}}, ClientAuth: tls.RequireAndVerifyClientCert,
		})}, "ClientCAs is nil"},
		{"no certificate in the HTTP server", "127.0.0.1:0", []prometheus.ServerOption{prometheus.WithHTTPServer(func(s *http.Server, _ *http.ServeMux) { s.TLSConfig = &tls.Config{} })}, "no certificate"},
		{"a path that is taken", "127.0.0.1:0", []prometheus.ServerOption{prometheus.WithHTTPServer(func(_ *http.Server, mux *http.ServeMux) { mux.Handle("GET /metrics", hello) })}, "conflicts with pattern"},
		{"no function", "127.0.0.1:0", []prometheus.ServerOption{prometheus.WithHTTPServer(nil)}, "nil pointer"},
		{"no handler", "127.0.0.1:0", []prometheus.ServerOption{prometheus.WithHTTPServer(func(s *http.Server, _ *http.ServeMux) { s.Handler = nil })}, "the handler is nil"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server, err := prometheus.StartServer(test.address, hello, test.opts...)
			if err == nil {
				_ = server.Shutdown(t.Context())
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("error %q, want it to say %q, and not the token", err, test.want)
			}
		})
	}
}

// TestServerTimeouts tests that a client that stalls is cut off. The reads below have no
// deadline of their own.
func TestServerTimeouts(t *testing.T) {
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		line := strings.Repeat("x", 1<<16)
		for {
			if _, err := io.WriteString(w, line); err != nil {
				return
			}
		}
	})
	const soon = 20 * time.Millisecond
	tests := []struct {
		name      string
		configure func(*http.Server, *http.ServeMux)
		send      string
	}{
		{"header never ends", func(s *http.Server, _ *http.ServeMux) { s.ReadHeaderTimeout, s.ReadTimeout = soon, time.Hour }, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n"},
		{"body never ends", func(s *http.Server, _ *http.ServeMux) { s.ReadTimeout, s.IdleTimeout = soon, time.Hour }, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"},
		{"idle connection", func(s *http.Server, _ *http.ServeMux) { s.IdleTimeout, s.ReadTimeout = soon, time.Hour }, "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			handleErrors(t)
			server := start(t, hello, prometheus.WithHTTPServer(test.configure))
			conn, err := net.Dial("tcp", server.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := io.WriteString(conn, test.send); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
				t.Errorf("the connection ended with %v, want it closed", err)
			}
		})
	}
	t.Run("answer never read", func(t *testing.T) {
		handleErrors(t)
		written := make(chan struct{})
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(written)
			endless(w, r)
		})
		server := start(t, handler, prometheus.WithHTTPServer(func(s *http.Server, _ *http.ServeMux) { s.WriteTimeout = soon }))
		conn, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-written
	})
	t.Run("header too large", func(t *testing.T) {
		server := start(t, hello)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X", strings.Repeat("x", 64<<10))
		response, err := client(t, nil).Do(request)
		if err != nil {
			// The server may close before it has read all of the request.
			return
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("status %d, want 431", response.StatusCode)
		}
	})
}

func TestServerShutdown(t *testing.T) {
	t.Run("waits for scrapes under way", func(t *testing.T) {
		arrived, release := make(chan struct{}), make(chan struct{})
		server := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-release
			hello(w, r)
		}))
		answered := make(chan error, 1)
		go func() {
			response, err := client(t, nil).Get(server.URL())
			if err == nil {
				err = response.Body.Close()
			}
			answered <- err
		}()
		<-arrived
		stopped := make(chan error, 1)
		go func() { stopped <- server.Shutdown(context.Background()) }()
		select {
		case err := <-stopped:
			t.Errorf("shutdown did not wait for the scrape, and returned %v", err)
		case <-time.After(20 * time.Millisecond):
		}
		close(release)
		if err := <-answered; err != nil {
			t.Errorf("the scrape under way got %v", err)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if err := server.Shutdown(t.Context()); err != nil {
			t.Errorf("second shutdown returned %v", err)
		}
	})
	t.Run("cuts off at the deadline", func(t *testing.T) {
		arrived := make(chan struct{})
		server := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-r.Context().Done()
		}))
		answered := make(chan error, 1)
		go func() {
			response, err := client(t, nil).Get(server.URL())
			if err == nil {
				err = response.Body.Close()
			}
			answered <- err
		}()
		<-arrived
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("shutdown returned %v, want the context's error", err)
		}
		if err := <-answered; err == nil {
			t.Error("the hanging scrape was answered")
		}
		if _, err := net.Dial("tcp", server.Addr().String()); err == nil {
			t.Error("the server still listens")
		}
	})
	t.Run("does not wait for connections without a request", func(t *testing.T) {
		var accepted atomic.Bool // set by the program's own hook
		server := start(t, hello, prometheus.WithHTTPServer(func(s *http.Server, _ *http.ServeMux) {
			s.ConnState = func(net.Conn, http.ConnState) { accepted.Store(true) }
		}))
		unused, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unused.Close() }()
		// After a scrape over a later connection, the first was accepted.
		response, err := client(t, nil).Get(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if !accepted.Load() {
			t.Error("the program's hook is not called")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := unused.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := unused.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read %d bytes of the unused connection and got %v, want it closed", n, err)
		}
	})
}

// TestServerProtocols tests that a server speaks HTTP/2 over TLS, and HTTP/1.1 without
// it, as net/http does. With a connection of HTTP/2 it shuts down at once.
func TestServerProtocols(t *testing.T) {
	authority := testcert.NewAuthority(t)
	certificate := prometheus.WithTLSConfig(&tls.Config{Certificates: []tls.Certificate{authority.Issue(t, time.Now().Add(time.Hour))}})
	for want, opts := range map[string][]prometheus.ServerOption{"HTTP/1.1": nil, "HTTP/2.0": {certificate}} {
		t.Run(want, func(t *testing.T) {
			server := start(t, hello, opts...)
			client := client(t, &tls.Config{RootCAs: authority.Pool()})
			client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
			response, err := client.Get(server.URL())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK || response.Proto != want {
				t.Errorf("status %d by %s, want 200 by %s", response.StatusCode, response.Proto, want)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if err := server.Shutdown(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}
