package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestPageIsSelfContained(t *testing.T) {
	r := start(t)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(strings.TrimSuffix(r.url, "metrics"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("status %d, content type %q", response.StatusCode, response.Header.Get("Content-Type"))
	}
	if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("content security policy %q lets the page load from elsewhere", policy)
	}
	if outside := regexp.MustCompile(`(?:src|href)="(?:https?:)?//[^"]*"`).Find(body); outside != nil {
		t.Errorf("the page refers to %s", outside)
	}
	if status, _ := r.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestPageNamesWhatIsMeasured checks every sample that the page's script asks for
// against a scrape.
func TestPageNamesWhatIsMeasured(t *testing.T) {
	r := start(t)
	families := r.scrape(t)
	script := strings.NewReplacer(
		`tiering + "`, `"vllm:kv_offload_tiering_`,
		`offload + "`, `"vllm:kv_offload_`,
	).Replace(string(page))
	found := regexp.MustCompile(`"((?:vllm:kv_offload|tieredcache)_\w*[a-z])[" ]`).FindAllStringSubmatch(script, -1)
	if len(found) < 12 {
		t.Errorf("found only %d names in the page", len(found))
	}
	for _, match := range found {
		if families[match[1]] == nil {
			t.Errorf("the page draws %s, which a scrape does not have", match[1])
		}
	}
	r.stop()
}

// slowly returns the URL of a proxy that takes its time for every scrape. The
// browser's virtual clock stands still meanwhile, and the program's does not.
func slowly(t *testing.T, target string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.Transport = &http.Transport{DisableKeepAlives: true}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			time.Sleep(200 * time.Millisecond)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestPageDraws lets a browser draw the page from a running program.
func TestPageDraws(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs chromium")
	}
	r := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// The browser is kept from asking anybody but the page's own program.
	document, err := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu",
		"--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+t.TempDir(), "--virtual-time-budget=6000", "--dump-dom",
		slowly(t, strings.TrimSuffix(r.url, "metrics"))).Output()
	if err != nil {
		t.Fatalf("chromium: %v", err)
	}
	if !strings.Contains(string(document), "2 engines, measured every second") {
		t.Errorf("the page does not say that it measures:\n%s", document)
	}
	for _, line := range []string{"0:primary", "1:fs", "load", "store", "promotion", "cascade"} {
		drawn := regexp.MustCompile(`<path d="M[\d. ]+L[^"]*" data-line="` + line + `"`)
		if !drawn.Match(document) {
			t.Errorf("no line is drawn for %s", line)
		}
	}
	if strings.Contains(string(document), "NaN") {
		t.Error("the page shows NaN")
	}
	r.stop()
}
