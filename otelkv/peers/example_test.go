// SPDX-License-Identifier: Apache-2.0

package peers_test

import (
	"fmt"

	"github.com/otelkv/otelkv-go/otelkv/peers"
)

// A service with vLLM's tiers shows SGLang's metrics too.
func Example() {
	cached, err := peers.SGLang().Int64Counter("sglang:cached_tokens_total")
	if err != nil {
		panic(err)
	}
	for _, value := range []string{"0:primary", "1:fs"} {
		tier, _ := peers.TierOf(value)
		word := tier.SGLang[0]
		fmt.Printf("%s{%s=%q}\n", cached.Definition().SampleName(), word.Label, word.Value)
	}
	// Output:
	// sglang:cached_tokens_total{cache_source="host"}
	// sglang:cached_tokens_total{cache_source="storage_HiCacheFile"}
}
