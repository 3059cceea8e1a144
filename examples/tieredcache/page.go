// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// pageHandler serves the page that draws what /metrics says, in one file. The page
// needs nothing from elsewhere, may load nothing, and runs no other script than its
// own.
func pageHandler() http.Handler {
	body := []byte(strings.NewReplacer("{{style}}", pageStyle, "{{script}}", pageScript).Replace(pageHTML))
	policy := fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		sourceHash(pageStyle), sourceHash(pageScript))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Security-Policy", policy)
		header.Set("Cache-Control", "no-store")
		_, _ = w.Write(body)
	})
}

// sourceHash is how a content security policy names an inline style or script.
func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
