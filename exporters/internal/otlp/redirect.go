// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"errors"
	"net/http"
	"net/url"
)

// errRedirect refuses a redirect that would send the headers, which may hold keys, to
// another host, or that would not send the metrics.
var errRedirect = errors.New("otelkv: the OTLP endpoint redirects to another host, from https to http, " +
	"or to a GET: set the endpoint to the new address")

// proxyOf is http.ProxyFromEnvironment, which the upstream exporter uses, and also refuses
// redirects to another host. It refuses the statuses 301, 302 and 303 too: the client
// would follow with GET and no body, and would take its answer for success.
//
// The transport calls it before each request, also a redirected one. Setting CheckRedirect
// instead would mean to replace the upstream client with its TLS, timeout and proxy.
func proxyOf(r *http.Request) (*url.URL, error) {
	if r.Response != nil { // r follows a redirect
		from := r.Response.Request
		if r.URL.Host != from.URL.Host || r.URL.Scheme != from.URL.Scheme && r.URL.Scheme != "https" || r.Method != from.Method {
			return nil, errRedirect
		}
	}
	return http.ProxyFromEnvironment(r)
}
