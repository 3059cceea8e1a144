// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Tier is a medium for KV caches, and what each system calls it. The first word of a
// system is the one to write. A system without a word has no such tiers, or does not
// distinguish them.
type Tier struct {
	// Medium is device, host, disk, remote or p2p.
	Medium      string `yaml:"medium"`
	VLLM        []Word `yaml:"vllm"`
	LMCache     []Word `yaml:"lmcache"`
	SGLang      []Word `yaml:"sglang"`
	TensorRTLLM []Word `yaml:"tensorrt_llm"`
}

// A Word is what a system calls a tier.
type Word struct {
	// Label is the name of the label whose value is the word. It is empty if the word is
	// part of the names of metrics.
	Label string `yaml:"label"`
	// Value is the word. In vLLM's label "tier" it follows the index of the tier.
	Value string `yaml:"value"`
}

// tiers returns a row for each medium.
func tiers() []Tier {
	var rows []Tier
	if err := yaml.Unmarshal(read("tiers.yaml"), &rows); err != nil {
		panic(err)
	}
	return rows
}

// TierOf returns the tier of a value of vLLM's label "tier", such as "1:fs", with or
// without the index. It returns false for a tier that is not part of vLLM, whose type is
// the name of a class, because its medium is not known.
func TierOf(value string) (Tier, bool) {
	_, word, found := strings.Cut(value, ":")
	if !found {
		word = value
	}
	for _, tier := range tiers() {
		for _, w := range tier.VLLM {
			if w.Label == "tier" && w.Value == word {
				return tier, true
			}
		}
	}
	return Tier{}, false
}
