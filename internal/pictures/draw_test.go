// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

// answering returns a server that answers range queries with the result.
func answering(t *testing.T, result string) *server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.FormValue("query"), "$") {
			t.Errorf("a variable is left in the query %s", r.FormValue("query"))
		}
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[%s]}}`, result)
	}))
	t.Cleanup(s.Close)
	return &server{url: s.URL}
}

func minute() span {
	begin := time.Unix(1_000_000, 0)
	return span{begin, begin.Add(time.Minute)}
}

// TestDrawRows draws every row of the dashboard, and looks for a line in the picture.
func TestDrawRows(t *testing.T) {
	rows, err := readRows(filepath.Join("..", "..", "docs", "dashboards", "kv-offload.json"))
	if err != nil {
		t.Fatal(err)
	}
	s := answering(t, `{"metric":{"tier":"1:fs"},"values":[[1000000,"1"],[1000030,"NaN"],[1000060,"3"]]}`)
	dir := t.TempDir()
	for _, r := range rows {
		if err := r.draw(t.Context(), s, minute(), dir); err != nil {
			t.Fatalf("%s: %v", r.title, err)
		}
		file, err := os.Open(filepath.Join(dir, fileName(r.title)))
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		first, _, _, _ := palette()[0].RGBA()
		if bounds := picture.Bounds(); !shows(bounds.Dx(), bounds.Dy(), func(x, y int) bool {
			red, _, blue, _ := picture.At(x, y).RGBA()
			return red == first && blue > 0x8000
		}) {
			t.Errorf("%s: no line in the picture", r.title)
		}
	}
}

func shows(width, height int, found func(x, y int) bool) bool {
	for y := range height {
		for x := range width {
			if found(x, y) {
				return true
			}
		}
	}
	return false
}

func TestDrawNothing(t *testing.T) {
	r := row{title: "x", panels: []panel{{Title: "Hit rate", Targets: []target{{Expr: "x"}}}}}
	err := r.draw(t.Context(), answering(t, ""), minute(), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "Hit rate: no data") {
		t.Errorf("error %v, want one that names the panel without data", err)
	}
}

func TestLegend(t *testing.T) {
	legend := target{LegendFormat: "{{worker}} load, {{model_name}} / {{engine}}"}.legend(model.Metric{"model_name": "llama", "engine": "3"})
	if want := "load, llama / 3"; legend != want {
		t.Errorf("got %q, want %q", legend, want)
	}
}
