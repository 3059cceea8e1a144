// SPDX-License-Identifier: Apache-2.0

package tiering_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/tiering"
)

// TestTierTypes holds that a tier's label is made of its type, and that nothing
// else is taken for a type.
func TestTierTypes(t *testing.T) {
	long := strings.Repeat("x", 255)
	for _, tierType := range []string{
		"fs", "p2p", "StripedFileSystemTierManager", "primary", "a:b", ":", ":fs", "-1:fs", "x:fs", `"quoted"\`, "new\nline", " ", "größe", long,
	} {
		tracker, err := tiering.NewTracker(tiering.Config{SecondaryTiers: []string{"first", tierType}})
		if err != nil {
			t.Errorf("type %q: %v", tierType, err)
			continue
		}
		if want := []string{"0:primary", "1:first", "2:" + tierType}; !slices.Equal(tracker.Tiers(), want) {
			t.Errorf("tiers are %q, want %q", tracker.Tiers(), want)
		}
	}
	label := func(tier string) string {
		return `otelkv: tier "` + tier + `": expected a type like "fs": labels are made from types`
	}
	for tierType, want := range map[string]string{
		"":          `otelkv: tier "": the type is empty`,
		"1:fs":      label("1:fs"),
		"01:fs":     label("01:fs"),
		"0:primary": label("0:primary"),
		"1:":        label("1:"),
		"\xff":      `otelkv: tier "\xff": the type is not valid UTF-8`,
		long + "x":  `otelkv: tier "` + long[:64] + `"...: the type has 256 bytes, at most 255 are allowed`,
	} {
		_, err := tiering.NewTracker(tiering.Config{SecondaryTiers: []string{tierType}})
		if err == nil || err.Error() != want {
			t.Errorf("type %q: got %v, want\n%s", tierType, err, want)
		}
	}
}

func TestTiers(t *testing.T) {
	tracker := newTracker(t, tiering.Config{SecondaryTiers: []string{"fs", "fs"}})
	want := []string{"0:primary", "1:fs", "2:fs"}
	got := tracker.Tiers()
	if !slices.Equal(got, want) {
		t.Errorf("tiers are %v, want %v", got, want)
	}
	got[0] = "changed"
	if !slices.Equal(tracker.Tiers(), want) {
		t.Error("the tracker gave its own slice away")
	}
}

func TestResultString(t *testing.T) {
	for result, want := range map[tiering.Result]string{
		tiering.Miss: "MISS", tiering.Hit: "HIT", tiering.Retry: "RETRY", tiering.HitPending: "HIT_PENDING", 0: "Result(0)",
	} {
		if got := result.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestChunkKeyOf(t *testing.T) {
	// The reference values of FNV-1a, 64 bits.
	for text, want := range map[string]tiering.ChunkKey{"": 0xcbf29ce484222325, "a": 0xaf63dc4c8601ec8c, "foobar": 0x85944171f73967e8} {
		if got := tiering.ChunkKeyOf(text); got != want || tiering.ChunkKeyOf([]byte(text)) != want {
			t.Errorf("ChunkKeyOf(%q) = %#x, want %#x", text, got, want)
		}
	}
}

// FuzzTierTypes holds that the label of a type that is taken names the type again,
// and is no type itself.
func FuzzTierTypes(f *testing.F) {
	for _, seed := range []string{"primary", "fs", "1:fs", "01:fs", "", ":", "\xff", "a:b", "-0:x", "9223372036854775808:fs"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, tierType string) {
		tracker, err := tiering.NewTracker(tiering.Config{SecondaryTiers: []string{tierType}})
		if err != nil {
			return
		}
		label := tracker.Tiers()[1]
		if index, of, _ := strings.Cut(label, ":"); index != "1" || of != tierType {
			t.Errorf("type %q has the label %q", tierType, label)
		}
		if _, err := tiering.NewTracker(tiering.Config{SecondaryTiers: []string{label}}); err == nil {
			t.Errorf("the label %q is taken for a type", label)
		}
	})
}
