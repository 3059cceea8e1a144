// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"bytes"
	"embed"

	"github.com/otelkv/otelkv-go/otelkv/registry"
	"github.com/otelkv/otelkv-go/schema"
)

//go:embed *.yaml
var files embed.FS

// LMCache returns the metrics of LMCache's multiprocess mode, with the names of its
// Prometheus exporter and with LMCache's kinds.
func LMCache() *schema.Catalogue { return catalogue("lmcache.yaml") }

// SGLang returns the metrics of SGLang's HiCache.
func SGLang() *schema.Catalogue { return catalogue("sglang.yaml") }

// TensorRTLLM returns the metrics of TensorRT-LLM's KV cache and its tiers.
func TensorRTLLM() *schema.Catalogue { return catalogue("tensorrtllm.yaml") }

// catalogue panics if the file is invalid. A test checks the files.
func catalogue(name string) *schema.Catalogue {
	c, err := registry.Decode(name, bytes.NewReader(read(name)))
	if err != nil {
		panic(err)
	}
	return c
}

func read(name string) []byte {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return text
}
