// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"errors"
	"net/http"
	"net/url"
)

// errRedirect says that a collector redirects to where the headers, which may hold
// keys, must not go, or in a way that leaves the metrics behind.
var errRedirect = errors.New("otelkv: the OTLP endpoint redirects to another host, from https to http, " +
	"or to a GET: set the endpoint to the new address")

// proxyOf is http.ProxyFromEnvironment, which the upstream exporter uses, and refuses
// redirects to another host. It also refuses those after which a client sends GET
// without a body (301, 302 and 303): their answer would say that metrics have arrived
// which were never sent.
//
// The transport asks it before each request, a redirected one too. A client with
// CheckRedirect would have to replace the upstream client with its TLS, timeout and
// proxy.
func proxyOf(r *http.Request) (*url.URL, error) {
	if r.Response != nil { // r follows a redirect
		from := r.Response.Request
		if r.URL.Host != from.URL.Host || r.URL.Scheme != from.URL.Scheme && r.URL.Scheme != "https" || r.Method != from.Method {
			return nil, errRedirect
		}
	}
	return http.ProxyFromEnvironment(r)
}
