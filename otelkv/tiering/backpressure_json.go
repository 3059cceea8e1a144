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

// backPressureObject is an object "backpressure" of vLLM's configuration.
type backPressureObject struct {
	Detector          string  `json:"backpressure_cls"`
	Policy            string  `json:"policy_cls"`
	HighWater         float64 `json:"high_water_s"`
	LowWater          float64 `json:"low_water_s"`
	Alpha             float64 `json:"alpha"`
	WarmupCompletions int     `json:"warmup_completions"`
	DecayHalfLife     float64 `json:"decay_half_life_s"`
	Cooldown          float64 `json:"cooldown_s"`
}

// ParseBackPressure reads the detectors of an engine's secondary tiers from
// vLLM's configuration, and returns them by the tiers' indexes, as a [Config]
// has them.
//
// The first argument is kv_connector_extra_config, a JSON object. An object
// "backpressure" may stand in an entry of its secondary_tiers and at its top
// level. The second argument is the value of the environment variable
// VLLM_KV_BACKPRESSURE_CONFIG, which holds such an object too. Either may be
// empty. A field of a tier's own object counts before one at the top level, which
// counts before one of the environment. A field that none of them has takes its
// default ([DefaultBackPressure]), except backpressure_cls, which is required. A
// tier for which there is no object has no detector.
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
		var objects []json.RawMessage // the one that counts least first
		for _, object := range []json.RawMessage{json.RawMessage(environment), config.BackPressure, of.BackPressure} {
			if object = bytes.TrimSpace(object); len(object) > 0 && string(object) != "null" {
				objects = append(objects, object)
			}
		}
		if len(objects) == 0 {
			continue
		}
		b, err := overlay(DefaultBackPressure(of.Type, of.Locality), objects)
		if err != nil {
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

// overlay returns the defaults with the fields of the objects in their places.
func overlay(b BackPressure, objects []json.RawMessage) (BackPressure, error) {
	o := backPressureObject{
		Policy:            string(b.Policy),
		HighWater:         b.HighWater,
		LowWater:          b.LowWater,
		Alpha:             b.Alpha,
		WarmupCompletions: b.WarmupCompletions,
		DecayHalfLife:     b.DecayHalfLife.Seconds(),
		Cooldown:          b.Cooldown.Seconds(),
	}
	for _, object := range objects {
		decoder := json.NewDecoder(bytes.NewReader(object))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&o); err != nil {
			return BackPressure{}, err
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return BackPressure{}, errors.New("expected one JSON object")
		}
	}
	switch class := strings.TrimPrefix(o.Detector, backPressureModule); class {
	case emaDetector:
	case "":
		return BackPressure{}, fmt.Errorf("backpressure_cls is missing, expected %s", emaDetector)
	default:
		return BackPressure{}, fmt.Errorf("backpressure_cls is %s, expected %s", tier.Quote(class), emaDetector)
	}
	return BackPressure{
		wrong:             b.wrong,
		Policy:            BackPressurePolicy(strings.TrimPrefix(o.Policy, backPressureModule)),
		HighWater:         o.HighWater,
		LowWater:          o.LowWater,
		Alpha:             o.Alpha,
		WarmupCompletions: o.WarmupCompletions,
		DecayHalfLife:     seconds(o.DecayHalfLife),
		Cooldown:          seconds(o.Cooldown),
	}, nil
}

// seconds returns a number of seconds as a duration, the longest one if it is
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
