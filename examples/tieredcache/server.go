package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"net"
	"net/http"
	"os"
	"time"
)

//go:embed page.html
var page []byte

// A Server serves the scrape endpoint at /metrics, and at / a page that draws
// what it says.
type Server struct {
	address net.Addr
	http    *http.Server
	ended   chan error
}

// StartServer listens at address, and without one where the OpenTelemetry
// environment variables of Prometheus exporters say, by default 127.0.0.1:9464.
func StartServer(address string, metrics http.Handler) (*Server, error) {
	if address == "" {
		address = net.JoinHostPort(
			cmp.Or(os.Getenv("OTEL_EXPORTER_PROMETHEUS_HOST"), "127.0.0.1"),
			cmp.Or(os.Getenv("OTEL_EXPORTER_PROMETHEUS_PORT"), "9464"))
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /{$}", servePage)
	s := &Server{
		address: listener.Addr(),
		http: &http.Server{
			Handler:           mux,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      30 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    16 << 10,
		},
		ended: make(chan error, 1),
	}
	go func() { s.ended <- s.http.Serve(listener) }()
	return s, nil
}

// URL returns where the page is, with a slash at the end.
func (s *Server) URL() string { return "http://" + s.address.String() + "/" }

// Shutdown stops to listen, and waits until ctx is done for what is being
// answered, which it then cuts off.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	if served := <-s.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

func servePage(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:")
	header.Set("Cache-Control", "no-store")
	_, _ = w.Write(page)
}
