package main

import (
	_ "embed"
	"net/http"
)

//go:embed page.html
var page []byte

// servePage serves the page that draws what /metrics says. It needs nothing from
// elsewhere, and may load nothing.
func servePage(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:")
	header.Set("Cache-Control", "no-store")
	_, _ = w.Write(page)
}
