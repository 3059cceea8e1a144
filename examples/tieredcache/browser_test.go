// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A browser is a page in a headless Chromium. The test controls it over two pipes, by the
// DevTools protocol.
type browser struct {
	command *exec.Cmd
	to      io.WriteCloser
	from    *bufio.Reader
	session string
	calls   int
}

// startBrowser runs a browser until the test ends. It skips the test if there is none.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Skip("SKIPPED, NOT TESTED: there is no Chromium")
	}
	// The browser may only connect to the page's own program.
	b := &browser{command: exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--force-color-profile=srgb", "--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")}
	theirInput, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, theirOutput, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// The browser reads from file descriptor 3 and writes to 4.
	b.command.ExtraFiles = []*os.File{theirInput, theirOutput}
	b.to, b.from = to, bufio.NewReader(from)
	if err := b.command.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = theirInput.Close(), theirOutput.Close()
	// If the browser hangs, it is killed, and the call that waits for it fails.
	watchdog := time.AfterFunc(2*time.Minute, func() { _ = b.command.Process.Kill() })
	t.Cleanup(func() {
		b.session = ""
		_, _ = b.call("Browser.close", nil)
		_ = b.command.Wait()
		watchdog.Stop()
		_, _ = to.Close(), from.Close()
	})
	var created struct{ TargetID string }
	b.do(t, "Target.createTarget", map[string]any{"url": "about:blank"}, &created)
	var attached struct{ SessionID string }
	b.do(t, "Target.attachToTarget", map[string]any{"targetId": created.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	return b
}

// call sends a command and returns its result. It ignores events.
func (b *browser) call(method string, parameters any) (json.RawMessage, error) {
	b.calls++
	message := map[string]any{"id": b.calls, "method": method}
	if parameters != nil {
		message["params"] = parameters
	}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	text, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	if _, err := b.to.Write(append(text, 0)); err != nil {
		return nil, err
	}
	for {
		text, err := b.from.ReadBytes(0)
		if err != nil {
			return nil, fmt.Errorf("the browser ended: %w", err)
		}
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(text[:len(text)-1], &answer); err != nil {
			return nil, err
		}
		switch {
		case answer.ID != b.calls:
		case answer.Error != nil:
			return nil, fmt.Errorf("%s: %s", method, answer.Error.Message)
		default:
			return answer.Result, nil
		}
	}
}

// do is call for a command that must succeed. The result may be nil.
func (b *browser) do(t *testing.T, method string, parameters, result any) {
	t.Helper()
	text, err := b.call(method, parameters)
	if err == nil && result != nil {
		err = json.Unmarshal(text, result)
	}
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
}

// open shows a page in a window of the given size, in "light" or "dark".
func (b *browser) open(t *testing.T, url, scheme string, width, height int) {
	t.Helper()
	b.do(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.do(t, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.do(t, "Page.navigate", map[string]any{"url": url}, nil)
	b.await(t, "document.readyState", "complete")
}

// evaluate runs an expression in the page and decodes its value.
func (b *browser) evaluate(t *testing.T, expression string, value any) {
	t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.do(t, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &answer)
	if e := answer.ExceptionDetails; e != nil {
		t.Fatalf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if err := json.Unmarshal(answer.Result.Value, value); err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
}

// await evaluates a text of the page until it is one of the wanted texts.
func (b *browser) await(t *testing.T, expression string, want ...string) {
	t.Helper()
	got := ""
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		b.evaluate(t, "String("+expression+")", &got)
		for _, text := range want {
			if got == text {
				return
			}
		}
	}
	t.Errorf("%s is %q, want one of %q", expression, got, want)
}

// press presses and releases a key.
func (b *browser) press(t *testing.T, key string, code int) {
	t.Helper()
	for _, kind := range []string{"rawKeyDown", "keyUp"} {
		b.do(t, "Input.dispatchKeyEvent", map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}, nil)
	}
}

// screenshot returns a picture of the whole page, as PNG. The flag -artifacts keeps it.
func (b *browser) screenshot(t *testing.T) []byte {
	t.Helper()
	var size struct{ Width, Height float64 }
	b.evaluate(t, "({width: innerWidth, height: document.documentElement.scrollHeight})", &size)
	var picture struct{ Data []byte }
	b.do(t, "Page.captureScreenshot", map[string]any{
		"captureBeyondViewport": true,
		"clip":                  map[string]any{"x": 0, "y": 0, "width": size.Width, "height": size.Height, "scale": 1},
	}, &picture)
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), "page.png"), picture.Data, 0o600); err != nil {
		t.Fatal(err)
	}
	return picture.Data
}
