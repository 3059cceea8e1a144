// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Tier is one medium that KV caches are kept on, and what each system calls it.
// The word to write comes first. A system without a word has none of such tiers, or
// does not tell them apart.
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
	// Label is the name of the label that has the word as its value. It is empty
	// where the word is part of metrics' names.
	Label string `yaml:"label"`
	// Value is the word. In vLLM's label "tier" the tier's position comes before it.
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

// TierOf returns the row of a value of vLLM's label "tier", such as "1:fs", with or
// without the position. A tier that is not vLLM's own, whose type is the name of a
// class, has none: what it keeps blocks on is not known, and no guess is made.
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
