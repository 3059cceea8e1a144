// SPDX-License-Identifier: Apache-2.0

package tiering

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/internal/tier"
)

// vLLM's names of the module of its detectors and policies, and of its detector.
const (
	backPressureModule = "vllm.v1.kv_offload.tiering.backpressure."
	emaDetector        = "EMABackpressureDetector"
)

// ParseBackPressure reads the detectors of an engine's secondary tiers from vLLM's
// configuration. It returns them by the tiers' indexes, as a [Config] has them.
//
// The first argument is kv_connector_extra_config, a JSON object. An object "backpressure"
// may be in an entry of its secondary_tiers and at its top level. The second argument is
// the value of the environment variable VLLM_KV_BACKPRESSURE_CONFIG, which is such an
// object too. Either may be empty. A tier's own object overrides the one at the top level,
// which overrides the one of the environment, field by field. A field that none of them
// has takes its default ([DefaultBackPressure]), except backpressure_cls, which is
// required. A tier without an object has no detector.
//
// The error names every tier whose configuration is wrong.
func ParseBackPressure(extraConfig, environment string) (map[int]BackPressure, error) {
	var config struct {
		BackPressure json.RawMessage `json:"backpressure"`
		Tiers        []struct {
			Type         string          `json:"type"`
			Locality     string          `json:"locality"`
			BackPressure json.RawMessage `json:"backpressure"`
		} `json:"secondary_tiers"`
	}
	if extraConfig != "" {
		if err := json.Unmarshal([]byte(extraConfig), &config); err != nil {
			return nil, fmt.Errorf("otelkv: tiering: kv_connector_extra_config: %w", err)
		}
	}
	detectors := make(map[int]BackPressure)
	var errs []error
	for i, of := range config.Tiers {
		var objects []json.RawMessage // each overrides those before it
		for _, object := range []json.RawMessage{json.RawMessage(environment), config.BackPressure, of.BackPressure} {
			if object = bytes.TrimSpace(object); len(object) > 0 && string(object) != "null" {
				objects = append(objects, object)
			}
		}
		if len(objects) == 0 {
			continue
		}
		b := DefaultBackPressure(of.Type, of.Locality)
		if err := b.override(objects); err != nil {
			errs = append(errs, fmt.Errorf("otelkv: tiering: back-pressure for tier %d: %w", i+1, err))
			continue
		}
		errs = append(errs, b.validate(i+1))
		detectors[i+1] = b
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return detectors, nil
}

// override sets the fields that the objects have.
func (b *BackPressure) override(objects []json.RawMessage) error {
	type backPressure struct { // the name is in the errors of package json
		Detector          *string             `json:"backpressure_cls"`
		Policy            *BackPressurePolicy `json:"policy_cls"`
		HighWater         *float64            `json:"high_water_s"`
		LowWater          *float64            `json:"low_water_s"`
		Alpha             *float64            `json:"alpha"`
		WarmupCompletions *int                `json:"warmup_completions"`
		DecayHalfLife     *float64            `json:"decay_half_life_s"`
		Cooldown          *float64            `json:"cooldown_s"`
	}
	class, halfLife, cooldown := "", b.DecayHalfLife.Seconds(), b.Cooldown.Seconds()
	for _, object := range objects {
		decoder := json.NewDecoder(bytes.NewReader(object))
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&backPressure{&class, &b.Policy, &b.HighWater, &b.LowWater, &b.Alpha, &b.WarmupCompletions, &halfLife, &cooldown})
		if err != nil {
			return err
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return errors.New("expected one JSON object")
		}
	}
	b.DecayHalfLife, b.Cooldown = seconds(halfLife), seconds(cooldown)
	b.Policy = BackPressurePolicy(strings.TrimPrefix(string(b.Policy), backPressureModule))
	switch class = strings.TrimPrefix(class, backPressureModule); class {
	case emaDetector:
		return nil
	case "":
		return fmt.Errorf("backpressure_cls is missing, expected %s", emaDetector)
	}
	return fmt.Errorf("backpressure_cls is %s, expected %s", tier.Quote(class), emaDetector)
}

// seconds returns a number of seconds as a duration, or the longest duration if it is
// longer.
func seconds(s float64) time.Duration {
	switch ns := math.Round(s * float64(time.Second)); {
	case ns >= math.MaxInt64:
		return math.MaxInt64
	case ns <= math.MinInt64:
		return math.MinInt64
	default:
		return time.Duration(ns)
	}
}
