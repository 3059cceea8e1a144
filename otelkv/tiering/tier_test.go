package tiering_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/tiering"
)

func TestParseTier(t *testing.T) {
	long := strings.Repeat("x", tiering.MaxTypeLength)
	for _, label := range []string{
		"0:primary", "1:fs", "2:p2p", "10:StripedFileSystemTierManager", "3:primary",
		"1:a:b", "1::", `1:"quoted"\`, "1:new\nline", "1: ", "1:größe", "4:" + long,
	} {
		tier, err := tiering.ParseTier(label)
		if err != nil || tier.String() != label {
			t.Errorf("ParseTier(%q) = %+v, %v, want a tier that prints the same", label, tier, err)
		}
	}
	for label, want := range map[string]string{
		"":                        `otelkv: tier "": expected <index>:<type>, such as 1:fs`,
		"fs":                      `otelkv: tier "fs": expected <index>:<type>, such as 1:fs`,
		":fs":                     `otelkv: tier ":fs": expected a decimal index before the colon`,
		"x:fs":                    `otelkv: tier "x:fs": expected a decimal index before the colon`,
		"01:fs":                   `otelkv: tier "01:fs": expected a decimal index before the colon`,
		"+1:fs":                   `otelkv: tier "+1:fs": expected a decimal index before the colon`,
		"-1:fs":                   `otelkv: tier "-1:fs": expected a decimal index before the colon`,
		"\t1:fs":                  `otelkv: tier "\t1:fs": expected a decimal index before the colon`,
		"99999999999999999999:fs": `otelkv: tier "99999999999999999999:fs": expected a decimal index before the colon`,
		"1:":                      `otelkv: tier "1:": the type is empty`,
		"0:cpu":                   `otelkv: tier "0:cpu": index 0 is the primary tier, 0:primary`,
		"1:\xff":                  `otelkv: tier "1:\xff": the type is not valid UTF-8`,
		"4:" + long + "x":         `otelkv: tier "4:` + long[:62] + `"...: the type has 256 bytes, at most 255 are allowed`,
		"0:" + long[:62]:          `otelkv: tier "0:` + long[:62] + `": index 0 is the primary tier, 0:primary`,
	} {
		if tier, err := tiering.ParseTier(label); err == nil || err.Error() != want {
			t.Errorf("ParseTier(%q) = %+v, %v, want the error\n%s", label, tier, err, want)
		}
	}
}

func TestTiers(t *testing.T) {
	tracker := newTracker(t, tiering.Config{SecondaryTiers: []string{"fs", "fs"}})
	want := []tiering.Tier{tiering.Primary(), {Index: 1, Type: "fs"}, {Index: 2, Type: "fs"}}
	got := tracker.Tiers()
	if !slices.Equal(got, want) {
		t.Errorf("tiers are %v, want %v", got, want)
	}
	got[0].Type = "changed"
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

func FuzzParseTier(f *testing.F) {
	for _, seed := range []string{"0:primary", "1:fs", "01:fs", "1:", ":", "1:\xff", "1:a:b", "-0:x", "9223372036854775808:fs"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, label string) {
		tier, err := tiering.ParseTier(label)
		if err == nil && tier.String() != label {
			t.Errorf("ParseTier(%q) prints %q", label, tier)
		}
		if err == nil && tier.Index > 0 {
			if _, err := tiering.NewTracker(tiering.Config{SecondaryTiers: []string{tier.Type}}); err != nil {
				t.Errorf("a tracker refuses the type of %q: %v", label, err)
			}
		}
	})
}
