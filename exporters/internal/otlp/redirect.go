package otlp

import (
	"errors"
	"net/http"
	"net/url"
)

// errRedirect says that a collector redirects to where the headers, which may hold
// keys, must not go.
var errRedirect = errors.New("otelkv: OTLP endpoint redirects to another host, or from https to http: set the endpoint to the new address")

// proxyOf is http.ProxyFromEnvironment, which the upstream exporter uses, and refuses
// redirects to another host. The transport asks it before each request, a redirected
// one too. A client with CheckRedirect would have to replace the upstream client with
// its TLS, timeout and proxy.
func proxyOf(r *http.Request) (*url.URL, error) {
	if r.Response != nil { // r follows a redirect
		from := r.Response.Request.URL
		if r.URL.Host != from.Host || r.URL.Scheme != from.Scheme && r.URL.Scheme != "https" {
			return nil, errRedirect
		}
	}
	return http.ProxyFromEnvironment(r)
}
