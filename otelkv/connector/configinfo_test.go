// SPDX-License-Identifier: Apache-2.0

package connector_test

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func newConfigInfo(t testing.TB, labelNames ...string) *connector.ConfigInfo {
	t.Helper()
	c, err := connector.NewConfigInfo(vllm.ConfigInfo(labelNames...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type facts = map[string]string

func sent(p *stats.Payload) facts {
	if p == nil {
		return nil
	}
	return maps.Clone(p.Info()[0])
}

func TestConfigInfo(t *testing.T) {
	for _, test := range []struct {
		name string
		sets []facts
		want []facts // what Take returns after each Set
	}{
		{"sent once", []facts{{"a": "1", "b": "2"}, {"a": "1", "b": "2"}}, []facts{{"a": "1", "b": "2"}, nil}},
		{"sent again when changed", []facts{{"a": "1", "b": "2"}, {"a": "1", "b": "3"}}, []facts{{"a": "1", "b": "2"}, {"a": "1", "b": "3"}}},
		{"missing is empty", []facts{{"b": "2"}}, []facts{{"a": "", "b": "2"}}},
		{"undeclared is dropped", []facts{{"a": "1", "b": "2", "c": "3"}}, []facts{{"a": "1", "b": "2"}}},
		{"a change of what is undeclared is none", []facts{{"a": "1", "b": "2"}, {"a": "1", "b": "2", "c": "3"}}, []facts{{"a": "1", "b": "2"}, nil}},
		{"no facts", []facts{{}, nil}, []facts{{"a": "", "b": ""}, nil}},
		{"unknown is None", []facts{{"a": "None", "b": "2"}}, []facts{{"a": "None", "b": "2"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newConfigInfo(t, "a", "b")
			if c.Take() != nil {
				t.Error("a payload before any facts were set")
			}
			for i, set := range test.sets {
				_ = c.Set(set)
				if got := sent(c.Take()); !maps.Equal(got, test.want[i]) || (got == nil) != (test.want[i] == nil) {
					t.Errorf("after set %d it sent %v, want %v", i, got, test.want[i])
				}
				if c.Take() != nil {
					t.Errorf("after set %d it sent a second payload", i)
				}
			}
		})
	}
}

func TestConfigInfoSendsTheLastOfSeveral(t *testing.T) {
	c := newConfigInfo(t, "a")
	for _, value := range []string{"1", "2", "3"} {
		if err := c.Set(facts{"a": value}); err != nil {
			t.Fatal(err)
		}
	}
	var dst stats.Payload
	if !c.TakeInto(&dst) || !maps.Equal(sent(&dst), facts{"a": "3"}) {
		t.Errorf("it sent %v, want the last value", sent(&dst))
	}
	if c.TakeInto(&dst) {
		t.Error("it sent a second payload")
	}
}

// TestConfigInfoKeepsNothingOfTheCaller changes what was given and what was taken.
func TestConfigInfoKeepsNothingOfTheCaller(t *testing.T) {
	m := vllm.ConfigInfo("a")
	c, err := connector.NewConfigInfo(m)
	if err != nil {
		t.Fatal(err)
	}
	m.LabelNames[0] = "changed"
	given := facts{"a": "1"}
	if err := c.Set(given); err != nil {
		t.Fatal(err)
	}
	given["a"] = "changed"
	if got := sent(c.Take()); !maps.Equal(got, facts{"a": "1"}) {
		t.Errorf("it sent %v", got)
	}
	if err := c.Set(facts{"a": "1"}); err != nil || c.Take() != nil {
		t.Errorf("the facts are taken for changed; error %v", err)
	}
}

func TestConfigInfoReportsOnce(t *testing.T) {
	for _, test := range []struct {
		name  string
		facts facts
		text  string
	}{
		{"fits", facts{"a": "1", "b": "2"}, ""},
		{"missing", facts{},
			`otelkv: metric "vllm:kv_offload_config_info": no value for labels ["b" "a"], sent empty`},
		{"undeclared", facts{"a": "1", "b": "2", "z": "3", "c\n": "4"},
			`otelkv: metric "vllm:kv_offload_config_info": labels ["c\n" "z"] are not declared, dropped`},
		{"both", facts{"a": "1", "c": "2"},
			`otelkv: metric "vllm:kv_offload_config_info": no value for labels ["b"], sent empty; labels ["c"] are not declared, dropped`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newConfigInfo(t, "b", "a")
			err := c.Set(test.facts)
			if again := c.Set(facts{"q": "1"}); (err == nil) == (again == nil) {
				t.Errorf("the first report is %v and the second %v, want exactly one", err, again)
			}
			if text := fmt.Sprint(err); err != nil && text != test.text || err == nil && test.text != "" {
				t.Errorf("Set returned %v, want\n%s", err, test.text)
			}
		})
	}
}

func TestNewConfigInfoNeedsAnInfoMetric(t *testing.T) {
	if _, err := connector.NewConfigInfo(vllm.SimpleInfo); err == nil || !strings.Contains(err.Error(), "not an info metric") {
		t.Errorf("NewConfigInfo returned %v, want that it is no info metric", err)
	}
}

// TestConfigInfoOffThread sets from several goroutines and takes from another:
// one call reports, and the last payload has the last facts.
func TestConfigInfoOffThread(t *testing.T) {
	const setters, sets = 4, 100
	c := newConfigInfo(t, "a")
	var reports atomic.Int32
	var wait sync.WaitGroup
	for range setters {
		wait.Go(func() {
			for i := range sets {
				if err := c.Set(facts{"a": strconv.Itoa(i), "b": "undeclared"}); err != nil {
					reports.Add(1)
				}
			}
		})
	}
	for range 2 {
		wait.Go(func() {
			var taken stats.Payload
			for range sets {
				if c.TakeInto(&taken) && len(sent(&taken)) != 1 {
					t.Errorf("it sent %v, want one fact", sent(&taken))
				}
			}
		})
	}
	for range sets {
		if p := c.Take(); p != nil && len(sent(p)) != 1 {
			t.Errorf("it sent %v, want one fact", sent(p))
		}
	}
	wait.Wait()
	if n := reports.Load(); n != 1 {
		t.Errorf("%d calls reported, want 1", n)
	}
	c.Take()
	if err := c.Set(facts{"a": "last"}); err != nil {
		t.Error(err)
	}
	if got := sent(c.Take()); !maps.Equal(got, facts{"a": "last"}) {
		t.Errorf("it sent %v, want the last facts", got)
	}
}
