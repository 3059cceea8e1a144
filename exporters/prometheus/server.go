// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/otel"
)

// defaultAddress is where a scrape server listens unless told otherwise. Only the
// machine itself can reach it.
const defaultAddress = "127.0.0.1:9464"

const metricsPath = "/metrics"

// A Server serves scrapes at an address of its own. It is safe for concurrent use. It
// prints as its URL, never with its token.
type Server struct {
	listener net.Listener
	secure   bool
	http     *http.Server
	done     chan struct{}
}

// A ServerOption changes how a [Server] serves.
type ServerOption func(*serverConfig)

type serverConfig struct {
	http     *http.Server
	mux      *http.ServeMux
	token    *[sha256.Size]byte // the digest of the bearer token: the token itself is not kept
	problems []error
}

func (c *serverConfig) refuse(problem string) {
	c.problems = append(c.problems, errors.New(problem))
}

// WithTLSConfig serves over TLS 1.2 or later. The configuration is cloned, and must have
// a certificate; GetCertificate can change it while the server runs. With ClientCAs only
// clients with a certificate of one of these authorities are served, unless ClientAuth is
// tls.VerifyClientCertIfGiven. GetConfigForClient is refused, because the configuration
// that it returns could be less strict.
func WithTLSConfig(config *tls.Config) ServerOption {
	return func(c *serverConfig) {
		if config == nil {
			c.refuse("the TLS configuration is nil, so it has no certificate")
		}
		c.http.TLSConfig = config
	}
}

// WithBearerToken answers 401 to requests without the token (RFC 6750, section
// 2.1). The comparison takes constant time. Use it with TLS or on loopback only: without
// TLS anyone on the network path can read the token. A token with white space, such as
// the line feed at the end of a file, is refused, because no request could carry it.
func WithBearerToken(token string) ServerOption {
	return func(c *serverConfig) {
		switch {
		case token == "":
			c.refuse("the bearer token is empty")
		case strings.ContainsFunc(token, unicode.IsSpace):
			c.refuse("the bearer token has white space")
		}
		digest := sha256.Sum256([]byte(token))
		c.token = &digest
	}
}

// WithHTTPServer calls configure before the HTTP server starts. It can change the server,
// such as its timeouts: 5 seconds for a request's header, 10 for all of it, 30 for the answer
// with its collection, and 2 minutes for an idle connection. It can add handlers to the mux,
// which is the server's Handler, such as a page or a health check. The bearer token and the
// check of the host protect them too. A TLSConfig is checked as that of [WithTLSConfig].
func WithHTTPServer(configure func(server *http.Server, mux *http.ServeMux)) ServerOption {
	return func(c *serverConfig) {
		defer func() {
			// The mux panics for a pattern that is malformed or taken.
			if reason := recover(); reason != nil {
				c.refuse(fmt.Sprintf("WithHTTPServer: %v", reason))
			}
		}()
		configure(c.http, c.mux)
	}
}

// StartServer listens at address, host:port, and serves the handler at /metrics until it
// is shut down. An empty address means 127.0.0.1:9464. The handler is usually that of
// [NewHandler], which bounds concurrent scrapes. On a loopback address the server answers
// 421 to requests for hosts other than localhost and loopback addresses, so that no web
// page can read metrics by DNS rebinding.
//
// The server owns a goroutine, and one for each connection. Later errors go to the error
// handler of package otel, each at most once a minute.
func StartServer(address string, handler http.Handler, options ...ServerOption) (*Server, error) {
	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, handler)
	c := serverConfig{mux: mux, http: &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute, // above Prometheus's usual interval
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(&errorLog{source: "scrape server"}, "", 0),
	}}
	for _, o := range options {
		o(&c)
	}
	c.checkTLS()
	if c.http.Handler == nil {
		c.refuse("the handler is nil")
	}
	if err := errors.Join(c.problems...); err != nil {
		return nil, fmt.Errorf("otelkv: scrape server: %w", err)
	}
	listener, err := net.Listen("tcp", cmp.Or(address, defaultAddress))
	if err != nil {
		return nil, fmt.Errorf("otelkv: scrape server: %w", err)
	}
	if c.token != nil {
		c.http.Handler = authorize(*c.token, c.http.Handler)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
		c.http.Handler = onlyForLoopback(c.http.Handler)
	}
	s := &Server{
		listener: listener,
		secure:   c.http.TLSConfig != nil,
		http:     c.http,
		done:     make(chan struct{}),
	}
	closeUnused(s.http, s.done)
	go s.serve()
	return s, nil
}

// checkTLS checks the TLS configuration, if there is one, and makes it strict.
func (c *serverConfig) checkTLS() {
	config := c.http.TLSConfig.Clone()
	switch {
	case config == nil:
		return
	case len(config.Certificates) == 0 && config.GetCertificate == nil:
		c.refuse("the TLS configuration has no certificate")
	case config.GetConfigForClient != nil:
		c.refuse("the TLS configuration has GetConfigForClient: expected GetCertificate")
	case config.ClientAuth >= tls.VerifyClientCertIfGiven && config.ClientCAs == nil:
		c.refuse("the TLS configuration asks for client certificates, and its ClientCAs is nil")
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	if config.ClientCAs != nil && config.ClientAuth < tls.VerifyClientCertIfGiven {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	c.http.TLSConfig = config
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
	return scheme + "://" + s.Addr().String() + metricsPath
}

// String returns the server's URL.
func (s *Server) String() string { return s.URL() }

// Shutdown stops listening and waits for scrapes in progress. When ctx is done it cuts
// them off and returns the context's error. It closes connections without a request at
// once. It may be called again.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("otelkv: scrape server: %w", errors.Join(err, s.http.Close()))
	}
	<-s.done
	return err
}

// onlyForLoopback refuses requests for hosts other than loopback. A web page in a browser
// on the machine could make its own host name resolve to the loopback address, and read
// the answers (DNS rebinding).
func onlyForLoopback(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.Host) {
			http.Error(w, "otelkv: this server listens on a loopback address, and answers requests for localhost and loopback addresses only",
				http.StatusMisdirectedRequest)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// isLoopback reports whether the host of a request, with or without a port, is a loopback
// name or address. HTTP/1.0 allows requests without a host.
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
