// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema/vllm"
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
	policy := response.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("content security policy %q lets the page load from elsewhere, or run what it is given", policy)
	}
	if outside := regexp.MustCompile(`(?:src|href)="(?:https?:)?//[^"]*"`).Find(body); outside != nil {
		t.Errorf("the page refers to %s", outside)
	}
	if bytes.Contains(body, []byte("{{")) {
		t.Error("the page lacks its style or its script")
	}
	if status, _ := r.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestPageNamesWhatIsMeasured checks that a scrape has every sample in the page's script.
func TestPageNamesWhatIsMeasured(t *testing.T) {
	r := start(t)
	families := r.scrape(t)
	// The age of the last payload exists after the first payload.
	for ; families["otelkv_payload_age_seconds"] == nil; families = r.scrape(t) {
		time.Sleep(time.Millisecond)
	}
	script := strings.NewReplacer(
		`tiering + "`, `"vllm:kv_offload_tiering_`,
		`offload + "`, `"vllm:kv_offload_`,
	).Replace(pageScript)
	found := regexp.MustCompile(`"((?:vllm:kv_offload|tieredcache|otelkv)_\w*[a-z])[" ]`).FindAllStringSubmatch(script, -1)
	if len(found) < 30 {
		t.Errorf("found only %d names in the page", len(found))
	}
	for _, match := range found {
		if families[match[1]] == nil {
			t.Errorf("the page draws %s, which a scrape does not have", match[1])
		}
	}
	mark := fmt.Sprintf("value: () => %v }", tiering.DefaultBackPressure(fileTier, "").HighWater)
	if !strings.Contains(script, mark) {
		t.Errorf("the page does not draw the mark of back-pressure: no %q", mark)
	}
	r.stop()
}

// valueOf returns an expression for the value of a term of a card. The card of a fact has no
// title.
func valueOf(title, label string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(%q)].filter(e => !%[2]q || e.querySelector("h3 .term").textContent === %[2]q)
		.flatMap(e => [...e.querySelectorAll("li, dl div")]).find(e => e.querySelector(".term").textContent === %[3]q).querySelector("b, dd").textContent`,
		map[bool]string{true: ".card", false: "main"}[title != ""], title, label)
}

const status = `document.getElementById("status").textContent`

// TestPageDraws lets a browser draw the page from a running program.
func TestPageDraws(t *testing.T) {
	b := startBrowser(t)
	r := start(t)
	b.open(t, strings.TrimSuffix(r.url, "metrics"), "light", 1400, 900)
	b.await(t, status, "2 engines, measured every second")
	drawn := map[string]int{
		"0:primary": 2, "1:fs": 2, "load": 1, "store": 1, "promotion": 1, "cascade": 1, "promotions": 1, "cascades": 1,
		"p50": 2, "p90": 2, "p99": 2, "all": 1, "writing": 1, "reading": 1, "latency": 1, "mark": 1,
		"stores dropped": 1, "stores without room": 1, "promotions without room": 1, "failed jobs": 1,
		"scrape": 1, "payloads": 1, "oldest": 1,
	}
	for line, n := range drawn {
		b.await(t, fmt.Sprintf(`[...document.querySelectorAll("path[data-line]")].filter(p => p.dataset.line === %q && p.getAttribute("d").includes("L")).length`, line), fmt.Sprint(n))
	}
	text := ""
	b.evaluate(t, `[...document.querySelectorAll("b, dd, svg text, path")].map(e => e.textContent + e.getAttribute("d")).join()`, &text)
	for _, wrong := range []string{"NaN", "Infinity", "undefined"} {
		if strings.Contains(text, wrong) {
			t.Errorf("the page shows %s", wrong)
		}
	}
	r.stop()
}

// A service serves the page for a recorder that can be replaced.
type service struct {
	*httptest.Server
	handler atomic.Pointer[http.Handler]
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", pageHandler())
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) { (*s.handler.Load()).ServeHTTP(w, r) })
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// begin replaces the recorder by a new one, and returns its engine.
func (s *service) begin(t *testing.T) *otelkv.Engine {
	t.Helper()
	c, err := catalogue()
	if err != nil {
		t.Fatal(err)
	}
	recorder, err := otelkv.New(c, otelkv.WithSelfMetrics())
	if err != nil {
		t.Fatal(err)
	}
	engine, err := recorder.AddEngine(0, modelName, otelkv.WithTiers(fileTier), otelkv.WithPriming())
	if err != nil {
		t.Fatal(err)
	}
	pipeline, err := exporters.Start(t.Context(), recorder, exporters.WithExporters("prometheus"), exporters.WithoutServer())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pipeline.Shutdown(t.Context()) })
	handler := pipeline.Handler()
	s.handler.Store(&handler)
	return engine
}

// TestPageIsRight compares the page with what was recorded.
func TestPageIsRight(t *testing.T) {
	b := startBrowser(t)
	s := newService(t)
	engine := s.begin(t)
	b.open(t, s.URL, "light", 1400, 900)
	b.await(t, status, "1 engine, measured every second")
	if t.Failed() {
		return
	}
	blocked, err := engine.Histogram(vllm.LookupSyncDelay)
	if err != nil {
		t.Fatal(err)
	}
	wait, err := engine.Histogram(vllm.LookupAsyncDelay)
	if err != nil {
		t.Fatal(err)
	}
	look := func(engine *otelkv.Engine, queries, hits int64) {
		t.Helper()
		asked, err := engine.Int64Counter(vllm.TieringChunkQueries, engine.Tiers()[fileIndex])
		if err != nil {
			t.Fatal(err)
		}
		found, err := engine.Int64Counter(vllm.TieringChunkHits, engine.Tiers()[fileIndex])
		if err != nil {
			t.Fatal(err)
		}
		asked.Add(queries)
		found.Add(hits)
	}
	usage, err := engine.Float64Gauge(vllm.CPUCacheUsage)
	if err != nil {
		t.Fatal(err)
	}
	usage.Record(0.625)
	// The bounds of the buckets are 1 ms and 5 ms, and 10 ms and 50 ms.
	for range 90 {
		blocked.Record(0.002)
	}
	for range 10 {
		blocked.Record(0.02)
		wait.Record(100)
	}
	look(engine, 8, 4)
	for _, test := range []struct{ title, label, want string }{
		{"Scheduler blocked by a lookup", "p50", "3.22 ms"},
		{"Scheduler blocked by a lookup", "p90", "5 ms"},
		{"Scheduler blocked by a lookup", "p99", "46 ms"},
		{"Wait of a deferred lookup", "p50", "10 s or more"},
		{"Hit rate by tier", "0:primary", "no lookups"},
		{"Hit rate by tier", "1:fs", "50.0 %"},
		{"Memory pinned", "all", "62.5 %"},
		{"Store latency of files", "mark", "5 ms/MiB"},
		{"", "Rejected entries", "0"},
		{"", "Failed scrapes", "0"},
	} {
		b.await(t, valueOf(test.title, test.label), test.want)
	}

	// A new recorder counts from 0. The hits of both recorders count while they are in the
	// window.
	look(s.begin(t), 3, 3)
	b.await(t, valueOf("Hit rate by tier", "1:fs"), "63.6 %", "100.0 %")

	down := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusServiceUnavailable) }))
	s.handler.Store(&down)
	b.await(t, status, "No answer from the program: status 503")
	b.await(t, valueOf("Memory pinned", "all"), "no answer")
	b.await(t, valueOf("", "Failed scrapes")+" !== '0'", "true")
	s.begin(t)
	b.await(t, status, "1 engine, measured every second")
}

// TestPageWithoutMouse uses the page with the keyboard. Every term gets the focus once, shows
// its explanation inside the window, and hides it on Escape.
func TestPageWithoutMouse(t *testing.T) {
	b := startBrowser(t)
	s := newService(t)
	s.begin(t)
	for _, width := range []int{320, 1400} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			b.open(t, s.URL, "dark", width, 700)
			b.await(t, status, "1 engine, measured every second")
			const tab, escape = 9, 27
			b.press(t, "Tab", tab)
			b.await(t, "document.activeElement.textContent", "/metrics")
			b.press(t, "Tab", tab)
			b.await(t, "document.activeElement.textContent", "Pause")
			// Space presses a button.
			b.do(t, "Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": " ", "code": "Space", "text": " ", "windowsVirtualKeyCode": 32}, nil)
			b.do(t, "Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": " ", "code": "Space", "windowsVirtualKeyCode": 32}, nil)
			b.await(t, "document.activeElement.textContent", "Continue")
			b.await(t, status, "Paused")
			terms := 0
			b.evaluate(t, `document.querySelectorAll(".term").length`, &terms)
			if terms < 40 {
				t.Errorf("only %d terms are explained", terms)
			}
			for i := range terms {
				b.press(t, "Tab", tab)
				var focus struct {
					Index                    int
					Term, About, Outline     string
					Left, Top, Right, Bottom float64
				}
				b.evaluate(t, `(() => {
					const e = document.activeElement, tip = document.getElementById(e.getAttribute("aria-describedby")), box = tip.getBoundingClientRect();
					return { index: [...document.querySelectorAll(".term")].indexOf(e), term: e.textContent, about: tip.innerText, outline: getComputedStyle(e).outlineStyle,
						left: box.left, top: box.top, right: innerWidth - box.right, bottom: innerHeight - box.bottom };
				})()`, &focus)
				if focus.Index != i || len(focus.About) < 10 || focus.Outline == "none" {
					t.Errorf("the focus is %+v, want that of term %d, to be seen and explained", focus, i)
				}
				if min(focus.Left, focus.Top, focus.Right, focus.Bottom) < 0 {
					t.Errorf("the explanation of %q is cut off: %+v", focus.Term, focus)
				}
			}
			const open = `[...document.querySelectorAll(".tip")].filter(e => e.getClientRects().length > 0).length`
			b.await(t, open, "1")
			b.screenshot(t)
			b.press(t, "Escape", escape)
			b.await(t, open, "0")
		})
	}
}

// looks returns visible faults of a page: text that overlaps other text or the window's
// edge, and text and lines with too little contrast.
const looks = `(() => {
	const problems = [];
	if (document.documentElement.scrollWidth > innerWidth) problems.push("the page is wider than the window");
	const rgb = text => (text.match(/[\d.]+/g) || []).map(Number);
	const luminance = c => c.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
	const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
	const texts = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const node = walker.currentNode, e = node.parentElement, range = document.createRange();
		range.selectNodeContents(node);
		if (!node.data.trim() || ["SCRIPT", "STYLE", "NOSCRIPT"].includes(e.tagName)) continue;
		const style = getComputedStyle(e), colour = rgb(e instanceof SVGElement ? style.fill : style.color);
		for (const box of range.getClientRects()) {
			if (box.width === 0) continue;
			if (box.left < 0 || box.right > innerWidth) problems.push("cut off: " + node.data);
			for (const t of texts)
				if (t.node !== node && Math.min(t.box.right, box.right) - Math.max(t.box.left, box.left) > 1 && Math.min(t.box.bottom, box.bottom) - Math.max(t.box.top, box.top) > 2)
					problems.push("overlaps: " + t.node.data + " and " + node.data);
			texts.push({ node, box });
			if (contrast(colour, behind(e)) < 4.5) problems.push("hard to read: " + node.data + " " + contrast(colour, behind(e)));
		}
	}
	if (texts.length < 100) problems.push("only " + texts.length + " texts");
	for (const path of document.querySelectorAll("path[data-line]"))
		if (contrast(rgb(getComputedStyle(path).stroke), behind(path.parentElement.parentElement)) < 3) problems.push("hard to see: " + path.dataset.line);
	return problems;
})()`

// TestPageLooks takes screenshots of a running program's page in light and dark, narrow and
// wide. The flag -artifacts keeps them.
func TestPageLooks(t *testing.T) {
	b := startBrowser(t)
	r := start(t)
	background := map[string]color.RGBA{"light": {0xf6, 0xf7, 0xf9, 0xff}, "dark": {0x0f, 0x13, 0x18, 0xff}}
	lines := map[string][]color.RGBA{
		"light": {{0x0b, 0x62, 0xc4, 0xff}, {0xb3, 0x53, 0x09, 0xff}, {0x0f, 0x7b, 0x53, 0xff}, {0x8a, 0x3a, 0xb9, 0xff}},
		"dark":  {{0x6c, 0xb2, 0xff, 0xff}, {0xf2, 0xa6, 0x5a, 0xff}, {0x5f, 0xd3, 0xa2, 0xff}, {0xd1, 0x9b, 0xf5, 0xff}},
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int{320, 1400} {
			t.Run(fmt.Sprintf("%s %d", scheme, width), func(t *testing.T) {
				b.open(t, strings.TrimSuffix(r.url, "metrics"), scheme, width, 900)
				b.await(t, status, "2 engines, measured every second")
				time.Sleep(4 * time.Second) // for lines that can be seen
				var problems []string
				b.evaluate(t, looks, &problems)
				for _, problem := range problems {
					t.Error(problem)
				}
				decoded, err := png.Decode(bytes.NewReader(b.screenshot(t)))
				if err != nil {
					t.Fatal(err)
				}
				seen := map[color.RGBA]int{}
				bounds := decoded.Bounds()
				for y := range bounds.Dy() {
					for x := range bounds.Dx() {
						seen[color.RGBAModel.Convert(decoded.At(x, y)).(color.RGBA)]++
					}
				}
				if bounds.Dx() != width {
					t.Errorf("the picture is %d pixels wide, want %d", bounds.Dx(), width)
				}
				if n := seen[background[scheme]]; n < bounds.Dx()*bounds.Dy()/50 {
					t.Errorf("%d pixels have the background's colour of %s", n, scheme)
				}
				for _, line := range lines[scheme] {
					if seen[line] < 20 {
						t.Errorf("%d pixels have the colour %v of a line", seen[line], line)
					}
				}
			})
		}
	}
	r.stop()
}
