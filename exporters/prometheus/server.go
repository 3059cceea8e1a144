// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/otel"

	"github.com/otelkv/otelkv-go/internal/reports"
)

// DefaultAddress is where a scrape server listens unless told otherwise. Only
// the machine itself can reach it.
const DefaultAddress = "127.0.0.1:9464"

// MetricsPath is where a scrape server answers scrapes.
const MetricsPath = "/metrics"

// Timeouts bound how long one client can hold a scrape server's connection. A
// zero field keeps its default.
type Timeouts struct {
	ReadHeader time.Duration // 5 seconds
	Read       time.Duration // 10 seconds
	Write      time.Duration // 30 seconds; it includes the collection
	Idle       time.Duration // 2 minutes, above Prometheus's usual interval
}

const maxHeaderBytes = 16 << 10

// A Server serves scrapes at an address of its own. It is safe for concurrent
// use. It prints as its address, never with its token.
type Server struct {
	listener net.Listener
	secure   bool
	http     *http.Server
	unused   *unusedConnections
	done     chan struct{}
}

// A ServerOption changes how a [Server] serves.
type ServerOption interface {
	applyServer(*serverConfig)
}

type serverOptionFunc func(*serverConfig)

func (f serverOptionFunc) applyServer(c *serverConfig) { f(c) }

type serverConfig struct {
	timeouts  Timeouts
	tls       *tls.Config
	clientCAs *x509.CertPool
	// token is the digest of the bearer token, so that the token itself is kept
	// nowhere.
	token    *[sha256.Size]byte
	handlers map[string]http.Handler
	problems []error
}

// WithTimeouts replaces the default timeouts.
func WithTimeouts(t Timeouts) ServerOption {
	return serverOptionFunc(func(c *serverConfig) {
		replace := func(to *time.Duration, by time.Duration) {
			if by > 0 {
				*to = by
			}
		}
		replace(&c.timeouts.ReadHeader, t.ReadHeader)
		replace(&c.timeouts.Read, t.Read)
		replace(&c.timeouts.Write, t.Write)
		replace(&c.timeouts.Idle, t.Idle)
	})
}

// WithTLSConfig serves over TLS. The configuration is cloned, and must have a
// certificate; GetCertificate can change it while the server runs. TLS 1.2 is the
// least that is accepted. GetConfigForClient is refused, because what it returns
// could be less strict.
func WithTLSConfig(config *tls.Config) ServerOption {
	return serverOptionFunc(func(c *serverConfig) {
		switch {
		case config == nil || len(config.Certificates) == 0 && config.GetCertificate == nil:
			c.problems = append(c.problems, errors.New("the TLS configuration has no certificate"))
			return
		case config.GetConfigForClient != nil:
			c.problems = append(c.problems, errors.New("the TLS configuration has GetConfigForClient: expected GetCertificate"))
			return
		}
		c.tls = config.Clone()
		c.tls.MinVersion = max(c.tls.MinVersion, tls.VersionTLS12)
	})
}

// WithClientCAs accepts only clients with a certificate that one of the
// authorities signed. It needs [WithTLSConfig].
func WithClientCAs(authorities *x509.CertPool) ServerOption {
	return serverOptionFunc(func(c *serverConfig) {
		if authorities == nil {
			c.problems = append(c.problems, errors.New("the pool of client authorities is nil"))
		}
		c.clientCAs = authorities
	})
}

// WithBearerToken answers 401 to requests without the token (RFC 6750, section
// 2.1). It is compared in constant time. Use it with TLS, or on loopback only:
// whoever reads the connection reads the token. One with white space, as a file's
// last line has, is refused: no request could show it.
func WithBearerToken(token string) ServerOption {
	return serverOptionFunc(func(c *serverConfig) {
		switch {
		case token == "":
			c.problems = append(c.problems, errors.New("the bearer token is empty"))
		case strings.ContainsFunc(token, unicode.IsSpace):
			c.problems = append(c.problems, errors.New("the bearer token has white space"))
		}
		digest := sha256.Sum256([]byte(token))
		c.token = &digest
	})
}

// WithHandler serves another handler beside the metrics, such as a page or a
// health check, under a pattern of http.ServeMux. The server's timeouts and its
// bearer token hold for it too.
func WithHandler(pattern string, handler http.Handler) ServerOption {
	return serverOptionFunc(func(c *serverConfig) {
		switch _, taken := c.handlers[pattern]; {
		case handler == nil:
			c.problems = append(c.problems, fmt.Errorf("the handler of %q is nil", pattern))
			return
		case taken:
			c.problems = append(c.problems, fmt.Errorf("the pattern %q is given twice", pattern))
		case c.handlers == nil:
			c.handlers = make(map[string]http.Handler)
		}
		c.handlers[pattern] = handler
	})
}

// StartServer listens at address, host:port, and serves the handler at
// [MetricsPath] until it is shut down. An empty address means [DefaultAddress]. The
// handler is usually that of [NewHandler], which bounds concurrent scrapes. On a
// loopback address requests for other hosts than localhost and loopback addresses are
// answered 421, so that no web page reads metrics by DNS rebinding.
//
// The server owns a goroutine, and one for each connection. What goes wrong
// later than the return is reported to the error handler of package otel, the same once a
// minute.
func StartServer(address string, handler http.Handler, opts ...ServerOption) (*Server, error) {
	c := serverConfig{timeouts: Timeouts{ReadHeader: 5 * time.Second, Read: 10 * time.Second, Write: 30 * time.Second, Idle: 2 * time.Minute}}
	for _, opt := range opts {
		opt.applyServer(&c)
	}
	if c.clientCAs != nil {
		if c.tls == nil {
			c.problems = append(c.problems, errors.New("client authorities need a TLS configuration"))
		} else {
			c.tls.ClientAuth, c.tls.ClientCAs = tls.RequireAndVerifyClientCert, c.clientCAs
		}
	}
	protected, err := c.protect(handler)
	c.problems = append(c.problems, err)
	if err := errors.Join(c.problems...); err != nil {
		return nil, fmt.Errorf("otelkv: scrape server: %w", err)
	}
	if address == "" {
		address = DefaultAddress
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("otelkv: scrape server: %w", err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
		protected = onlyForLoopback(protected)
	}
	unused := &unusedConnections{open: make(map[net.Conn]struct{})}
	s := &Server{
		listener: listener,
		secure:   c.tls != nil,
		unused:   unused,
		done:     make(chan struct{}),
		http: &http.Server{
			Handler:           protected,
			ReadHeaderTimeout: c.timeouts.ReadHeader,
			ReadTimeout:       c.timeouts.Read,
			WriteTimeout:      c.timeouts.Write,
			IdleTimeout:       c.timeouts.Idle,
			MaxHeaderBytes:    maxHeaderBytes,
			ConnState:         unused.track,
			TLSConfig:         c.tls,
			ErrorLog:          log.New(new(errorWriter), "", 0),
		},
	}
	go s.serve()
	return s, nil
}

func (s *Server) serve() {
	defer close(s.done)
	var err error
	if s.secure {
		err = s.http.ServeTLS(s.listener, "", "")
	} else {
		err = s.http.Serve(s.listener)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		otel.Handle(fmt.Errorf("otelkv: scrape server: %w", err))
	}
}

// Addr returns the address that the server listens at.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// URL returns where the server's metrics are.
func (s *Server) URL() string {
	scheme := "http"
	if s.secure {
		scheme = "https"
	}
	return scheme + "://" + s.Addr().String() + MetricsPath
}

// String returns the server's URL.
func (s *Server) String() string { return s.URL() }

// Shutdown stops listening and waits for the scrapes under way until ctx is
// done, when it cuts them off and returns the context's error. Connections without
// a request are closed at once. It may be called again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.unused.close()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("otelkv: scrape server: %w", errors.Join(err, s.http.Close()))
	}
	<-s.done
	return err
}

// protect answers the metrics path and the patterns of [WithHandler], and only
// requests with the token. The error is that of a pattern that http.ServeMux does
// not take, which it says by a panic.
func (c serverConfig) protect(metrics http.Handler) (handler http.Handler, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("a handler's pattern: %v", problem)
		}
	}()
	mux := http.NewServeMux()
	mux.Handle("GET "+MetricsPath, metrics)
	for pattern, h := range c.handlers {
		mux.Handle(pattern, h)
	}
	if c.token != nil {
		return authorize(*c.token, mux), nil
	}
	return mux, nil
}

// onlyForLoopback refuses requests for hosts that have no business on a loopback
// address: a page in a browser of the machine could make a name of its own resolve to
// it, and read what the browser gets (DNS rebinding).
func onlyForLoopback(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.Host) {
			http.Error(w, "otelkv: this server listens on a loopback address, and answers for localhost and loopback addresses only",
				http.StatusMisdirectedRequest)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// isLoopback reports whether the host of a request, with or without a port, is a name
// or an address of loopback, or missing, as it may be in HTTP/1.0.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	ip := net.ParseIP(host)
	return host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

func authorize(want [sha256.Size]byte, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(token))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "otelkv: a bearer token is needed", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// errorWriter hands the HTTP server's log to the error handler of package otel, few lines as
// clients can cause many.
type errorWriter struct{ throttle reports.Throttle }

func (w *errorWriter) Write(line []byte) (int, error) {
	if err := w.throttle.Report("otelkv: scrape server: ", errors.New(strings.TrimSpace(string(line))), time.Now()); err != nil {
		otel.Handle(err)
	}
	return len(line), nil
}
