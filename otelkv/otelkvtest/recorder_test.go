// SPDX-License-Identifier: Apache-2.0

package otelkvtest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// failing keeps the message of a failure, and ends the goroutine as a test would.
type failing struct {
	testing.TB
	message string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// message returns the message with which the test fails.
func message(t *testing.T, test func(testing.TB)) string {
	f := &failing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(f)
	}()
	<-done
	return f.message
}

func TestLookupsThatFailExplain(t *testing.T) {
	for name, c := range map[string]struct {
		labels otelkvtest.Labels
		says   string
	}{
		"none":    {otelkvtest.Labels{"engine": "7"}, `0 series with the labels map[engine:7]: expected one of [{engine="0",model_name="m"} {engine="1",model_name="m"}]`},
		"several": {nil, "2 series"},
	} {
		t.Run(name, func(t *testing.T) {
			got := message(t, func(tb testing.TB) {
				recorder := otelkvtest.NewRecorder(tb, vllm.TieringSpec())
				for index := range 2 {
					if _, err := recorder.AddEngine(index, "m"); err != nil {
						t.Error(err)
					}
				}
				recorder.Collect().Value(vllm.CPUCacheUsage, c.labels)
			})
			if !strings.Contains(got, c.says) {
				t.Errorf("the test fails with %q, which does not say %q", got, c.says)
			}
		})
	}
}

func TestNames(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.SimpleCPUSpec())
	if names := recorder.Collect().Names(); len(names) != 0 {
		t.Errorf("without engines there is %v", names)
	}
	if _, err := recorder.AddEngine(0, "m"); err != nil {
		t.Fatal(err)
	}
	want := 0
	for d := range vllm.SimpleCPUSpec().All() {
		if d.StartsAtZero {
			want++
		}
	}
	if names := recorder.Collect().Names(); len(names) != want {
		t.Errorf("there is %v, want %d metrics", names, want)
	}
}
