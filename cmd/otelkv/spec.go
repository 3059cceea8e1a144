// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

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

func (s *metricSelection) register(command *cobra.Command, fallback string) {
	addChoice(command, &s.spec, "spec", "", fallback, "the vLLM `specification` whose metrics to use", specAll, specCPU, specTiering, specSimple)
	command.Flags().StringArrayVar(&s.files, "definitions", nil, "a YAML `file` with more metrics, in the format of \"otelkv catalogue -o yaml\" (repeatable)")
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
	}
	return vllm.SimpleCPUSpec(), nil
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
