// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/otelkv/otelkv-go/otelkv/registry"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A metricSelection is the flags that choose the metrics.
type metricSelection struct {
	spec  string
	files []string
}

// The values of --spec.
const (
	specAll     = "all"
	specCPU     = "cpu"
	specTiering = "tiering"
	specSimple  = "simple"
)

func specs() []string { return []string{specAll, specCPU, specTiering, specSimple} }

func (s *metricSelection) register(command *cobra.Command, fallback string) {
	flags := command.Flags()
	flags.StringVar(&s.spec, "spec", fallback, "the vLLM `specification` whose metrics to use: "+strings.Join(specs(), ", "))
	flags.StringArrayVar(&s.files, "definitions", nil, "a YAML `file` with more metrics, in the format of \"otelkv catalogue -o yaml\" (repeatable)")
	complete(command, "spec", specs()...)
}

// complete sets the values that shell completion offers for a flag.
func complete(command *cobra.Command, flag string, values ...string) {
	if err := command.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist
	}
}

// catalogue returns the chosen metrics.
func (s *metricSelection) catalogue() (*schema.Catalogue, error) {
	catalogue, err := s.base()
	if err != nil {
		return nil, err
	}
	for _, name := range s.files {
		if catalogue, err = mergeFile(catalogue, name); err != nil {
			return nil, err
		}
	}
	return catalogue, nil
}

func (s *metricSelection) base() (*schema.Catalogue, error) {
	switch s.spec {
	case specAll:
		tiering, err := tieringSpec()
		if err != nil {
			return nil, err
		}
		return tiering.Merge(vllm.SimpleCPUSpec())
	case specCPU:
		return withReleased(vllm.CPUSpec(2), nil) // a threshold of 2 adds stores_skipped
	case specTiering:
		return tieringSpec()
	case specSimple:
		return vllm.SimpleCPUSpec(), nil
	}
	return nil, &usageError{oneOf("--spec", s.spec, specs()...)}
}

func tieringSpec() (*schema.Catalogue, error) {
	return withReleased(vllm.TieringSpec(), []string{schema.LabelTier}, promotionLatency)
}

func mergeFile(base *schema.Catalogue, name string) (*schema.Catalogue, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return registry.Merge(base, name, f)
}

// oneOf returns an error if the value of a flag is not allowed.
func oneOf(flag, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s is %.64q: expected one of %s", flag, value, strings.Join(allowed, ", "))
}
